import type { Command, ExitCode, Terminal } from './command.js';
import { UsageError, type Given } from './given.js';

/** One action of a command, named by its first word: `keys create`. */
export interface Verb {
  readonly name: string;
  readonly summary: string;
  /** Name of the word after the verb, such as `id`; absent if there is none. */
  readonly word?: string;
  /** Options of the verb, with a value and without. */
  readonly texts?: readonly string[];
  readonly flags?: readonly string[];
  /** `word`: the word after the verb, if the verb has one. */
  run(given: Given, terminal: Terminal, word: string): Promise<ExitCode>;
}

export interface VerbsCommand extends Omit<Command, 'usage' | 'texts' | 'flags' | 'maxWords' | 'run'> {
  readonly verbs: readonly Verb[];
}

/** A command with verbs. An option of another verb is refused instead of ignored. */
export function withVerbs({ verbs, ...command }: VerbsCommand): Command {
  const { name } = command;
  const lines = verbs.map((verb) => `  ${callOf(verb).padEnd(20)} ${verb.summary}`);
  return {
    ...command,
    usage: `waymark ${name} ${verbs.map(callOf).join(' | ')}`,
    help: `${lines.join('\n')}\n\n${command.help}`,
    texts: [...new Set(verbs.flatMap(({ texts = [] }) => texts))],
    flags: [...new Set(verbs.flatMap(({ flags = [] }) => flags))],
    maxWords: 2,
    run(given, terminal) {
      const [first, word] = given.words;
      const verb = verbs.find((one) => one.name === first);
      if (verb === undefined)
        throw new UsageError(`must be: ${verbs.map((one) => `${name} ${callOf(one)}`).join(', ')}`);
      if (verb.word === undefined) given.noWords(1);
      else if (word === undefined) throw new UsageError(`${name} ${verb.name}: <${verb.word}> is missing`);
      given.noOptionsBut([...(verb.texts ?? []), ...(verb.flags ?? [])], `${name} ${verb.name}`);
      return verb.run(given, terminal, word ?? '');
    },
  };
}

function callOf({ name, word }: Verb): string {
  return word === undefined ? name : `${name} <${word}>`;
}
