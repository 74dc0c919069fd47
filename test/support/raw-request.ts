import { connect } from 'node:net';
import { once } from 'node:events';

/** Sends this text as a request, and gives status and body of the answer. The service must close the connection. */
export async function rawRequest(port: number, text: string): Promise<{ status: number; text: string }> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
  socket.write(text);
  await once(socket, 'end');
  socket.destroy();
  return { status: Number(/^HTTP\/1\.\d (\d+)/.exec(answer)?.[1]), text: answer };
}
