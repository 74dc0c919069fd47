export const say = (message) => process.stderr.write(`waymark: ${message}\n`);

/** Exits with a message, without a stack trace. */
export function die(message) {
  say(message);
  process.exit(1);
}
