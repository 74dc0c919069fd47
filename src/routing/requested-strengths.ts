/**
 * Words that request a strength, as tokens of `readText`. In addition, each word in the name of a strength requests it:
 * `tax-law` is requested by "tax" or "law".
 */
const WORDS: Readonly<Record<string, string>> = {
  analysis: 'analyse analyze analysis assess compare contrast evaluate examine interpret review why',
  chat: 'chat hello hey hi thanks thank',
  code: 'api bug class code compile debug exception function javascript json python query refactor regex sql stack test typescript',
  extraction: 'csv extract fields find list parse table',
  'long-documents': 'book chapter chapters document documents pages report reports transcript',
  multimodal: 'audio chart diagram image images photo picture screenshot video',
  planning: 'milestones plan planning project roadmap schedule steps strategy',
  privacy: 'anonymise anonymize confidential personal private redact',
  reasoning: 'argue calculate conclude derive explain infer logic prove reason reasoning solve therefore',
  research: 'cite evidence literature paper papers research source sources study',
  speed: 'asap fast immediately now quick quickly urgent',
  summaries: 'brief outline recap shorten summarise summarize summary tldr',
  translation: 'english french german italian japanese spanish translate translated translation',
  writing: 'article compose draft email essay letter motion rewrite story write writing',
};

const words = new Map<string, ReadonlySet<string>>();

function wordsOf(strength: string): ReadonlySet<string> {
  let known = words.get(strength);
  if (known === undefined) {
    const name = strength.toLowerCase();
    const listed = Object.hasOwn(WORDS, name) ? (WORDS[name] as string).split(' ') : [];
    known = new Set([...listed, ...name.split(/[^\p{L}\p{M}\p{N}_]+/u).filter((word) => word !== '')]);
    words.set(strength, known);
  }
  return known;
}

/** The strengths that a text requests. */
export function requestedStrengths(tokens: ReadonlySet<string>, strengths: Iterable<string>): ReadonlySet<string> {
  const asked = new Set<string>();
  for (const strength of strengths) {
    for (const word of wordsOf(strength)) if (tokens.has(word)) asked.add(strength);
  }
  return asked;
}
