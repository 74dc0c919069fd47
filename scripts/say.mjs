export const say = (message) => process.stderr.write(`waymark: ${message}\n`);

/** The end, in words and without a stack. */
export function die(message) {
  say(message);
  process.exit(1);
}
