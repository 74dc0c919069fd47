import { type Command, EXIT } from '../command-line/command.js';
import { connect } from '../command-line/connect.js';
import { readPayload } from '../command-line/payload.js';
import { UsageError } from '../command-line/given.js';

export const publishCommand: Command = {
  name: 'publish',
  summary: 'Publish a message to a channel',
  usage: 'waymark publish <channel> --type <type> [--payload <json | file | ->]',
  help: `Prints {"eventId"} to stdout. A retried request publishes no second message.

  --type <type>          type of the message, such as routing_decision
  --payload <payload>    JSON, the name of a file with JSON, or - for stdin; default: {}`,
  example: `publish news --type greeting --payload '{"text":"hello"}'`,
  maxWords: 1,
  texts: ['type', 'payload'],

  async run(given, terminal) {
    const [channel] = given.words;
    if (channel === undefined) throw new UsageError('the name of a channel is missing');
    const type = given.textRequired('type');
    const client = connect(given, terminal);
    const payload = await readPayload(given.text('payload'), terminal);
    await terminal.output.line(JSON.stringify(await client.publish(channel, { type, payload })));
    return EXIT.ok;
  },
};
