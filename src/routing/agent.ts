/** A configured agent to which tasks are routed. Its id is the name of its queue. */
export interface Agent {
  readonly id: string;
  readonly name: string;
  readonly strengths: readonly string[];
  /** In any unit that all agents share; only ratios matter. */
  readonly cost: number;
  /** Typical milliseconds until an answer. */
  readonly latency: number;
  /** From 0 to 1: the complexity of text that suits it best. */
  readonly capability: number;
}

/** Used without ROUTING_AGENTS. The figures are rough; replace them by your own. */
export const DEFAULT_AGENTS: readonly Agent[] = [
  {
    id: 'claude',
    name: 'Claude',
    strengths: ['reasoning', 'analysis', 'writing'],
    cost: 15,
    latency: 1500,
    capability: 0.85,
  },
  {
    id: 'gpt-4',
    name: 'GPT-4',
    strengths: ['code', 'reasoning', 'planning'],
    cost: 20,
    latency: 1800,
    capability: 0.7,
  },
  {
    id: 'gemini',
    name: 'Gemini',
    strengths: ['multimodal', 'research', 'long-documents'],
    cost: 7,
    latency: 1200,
    capability: 0.5,
  },
  { id: 'llama', name: 'Llama', strengths: ['chat', 'summaries', 'privacy'], cost: 1, latency: 500, capability: 0.1 },
  {
    id: 'mistral',
    name: 'Mistral',
    strengths: ['translation', 'extraction', 'speed'],
    cost: 2,
    latency: 600,
    capability: 0.3,
  },
];
