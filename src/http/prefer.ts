import type { FastifyRequest } from 'fastify';

const MAX_WAIT_SECONDS = 60;

export interface Preferences {
  readonly minimal: boolean;
  readonly waitSeconds: number | undefined;
}

const NONE: Preferences = { minimal: false, waitSeconds: undefined };

/** RFC 7240: a preference that is unknown or unreadable is ignored. */
export function preferencesOf({ headers }: FastifyRequest): Preferences {
  const header = headers['prefer'];
  if (header === undefined) return NONE;
  const preferences = String(header)
    .split(/[,;]/)
    .map((preference) => preference.trim().toLowerCase());
  const wait = preferences
    .map((preference) => /^wait="?(\d{1,9})"?$/.exec(preference)?.[1])
    .find((seconds) => seconds !== undefined);
  return {
    minimal: preferences.some((preference) => /^return="?minimal"?$/.test(preference)),
    waitSeconds: wait === undefined ? undefined : Math.min(Number(wait), MAX_WAIT_SECONDS),
  };
}
