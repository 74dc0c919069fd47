import { Transform } from 'class-transformer';
import { IsBoolean, IsIn, IsNumber, IsOptional, Matches, Max, Min, MinLength, ValidateBy } from 'class-validator';
import { durationMs, integerOf, showDuration } from './units.js';

/**
 * Kind of a setting: how its value is read, checked, described and shown.
 */
export interface Kind {
  /** Read and check the value. */
  readonly checks: readonly PropertyDecorator[];
  /** Allowed values, for documents and errors, with literals in backticks; empty if any text is allowed. */
  readonly allowed: string;
  readonly show?: (value: never) => string;
}

export interface Declaration {
  readonly is: Kind;
  readonly meaning: string;
  /** Behaviour without the setting, for a field without an initialiser. */
  readonly otherwise?: string;
  /** Names that the guides of older stores use for the same thing. */
  readonly aliases?: readonly string[];
  /** The value is never shown and may be given as a file, in `<name>_FILE`. */
  readonly secret?: true;
  /** Heading in docs/settings.md that starts here. */
  readonly section?: string;
}

export interface Setting extends Declaration {
  readonly name: string;
}

const declared: Setting[] = [];

/** All settings in the order of their declaration. Complete once environment.ts is loaded; read the list from there. */
export const declaredSettings: readonly Setting[] = declared;

/** Declares a setting: the name of the field is the name of the variable, its initialiser the default. */
export function Setting(declaration: Declaration): PropertyDecorator {
  return (target, name) => {
    declared.push({ ...declaration, name: String(name) });
    for (const decorate of [IsOptional(), ...declaration.is.checks]) decorate(target, name);
  };
}

export const flag: Kind = {
  checks: [
    read((text) => ({ true: true, '1': true, false: false, '0': false })[text.toLowerCase()] ?? text),
    IsBoolean(),
  ],
  allowed: '`true` or `false`',
};

export function integer(min: number, max: number): Kind {
  return { checks: number(integerOf, min, max), allowed: `an integer from ${min} to ${max}` };
}

export function duration(minMs: number, maxMs: number): Kind {
  return {
    checks: number(durationMs, minMs, maxMs),
    allowed: `a duration from \`${showDuration(minMs)}\` to \`${showDuration(maxMs)}\``,
    show: showDuration,
  };
}

/** A duration, or `never`, which is read as null. */
export function durationOrNever(minMs: number, maxMs: number): Kind {
  return {
    // Checks pass over null.
    checks: number((text) => (text.toLowerCase() === 'never' ? null : durationMs(text)), minMs, maxMs),
    allowed: `${duration(minMs, maxMs).allowed}, or \`never\``,
    show: (ms: number | null) => (ms === null ? 'never' : showDuration(ms)),
  };
}

/** One of `values` in any case. `synonyms` are accepted too and not documented. */
export function oneOf(values: readonly string[], synonyms: Readonly<Record<string, string>> = {}): Kind {
  const literals = values.map((value) => `\`${value}\``);
  return {
    checks: [read((text) => synonyms[text.toLowerCase()] ?? text.toLowerCase()), IsIn([...values])],
    allowed: `${literals.slice(0, -1).join(', ')} or ${literals.at(-1)}`,
  };
}

export function text(allowed = '', { minLength = 0 }: { readonly minLength?: number } = {}): Kind {
  return { checks: [MinLength(minLength)], allowed };
}

export function matching(pattern: RegExp, allowed: string): Kind {
  return { checks: [Matches(pattern)], allowed };
}

export function accepted(name: string, accepts: (text: string) => boolean, allowed: string): Kind {
  return { checks: [ValidateBy({ name, validator: { validate: (value) => accepts(String(value)) } })], allowed };
}

function number(parse: (text: string) => number | null, min: number, max: number): PropertyDecorator[] {
  return [read(parse), IsNumber({ allowNaN: false }), Min(min), Max(max)];
}

/** Parses text only: a default is a value already. */
function read(parse: (text: string) => unknown): PropertyDecorator {
  return Transform(({ value }) => (typeof value === 'string' ? parse(value) : (value as unknown)));
}
