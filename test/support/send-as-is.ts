import { request } from 'node:http';

export interface SentAsIs {
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Beginning of a body; with these headers the request does not end. */
  readonly body?: string;
}

export interface AnsweredAsIs {
  readonly status: number;
  /** Of a problem document; '' otherwise. */
  readonly code: string;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Sends the path as it is: a client like fetch would tidy it. No body is sent, whatever the headers promise. */
export function sendAsIs(
  url: string,
  method: string,
  path: string,
  { token, headers = {}, body }: SentAsIs = {},
): Promise<AnsweredAsIs> {
  const { hostname, port } = new URL(url);
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, method, path, headers: { ...headers, ...authorization } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (piece: string) => {
        text += piece;
        // Streams go on.
        if (answer.statusCode === 200) asked.destroy();
      });
      answer.on('close', () => {
        const isProblem = answer.headers['content-type']?.includes('problem+json') === true;
        const code = isProblem && text !== '' ? (JSON.parse(text) as { code: string }).code : '';
        resolve({ status: answer.statusCode as number, code, text, headers: answer.headers });
        asked.destroy();
      });
    });
    asked.on('error', reject);
    if (body !== undefined) asked.write(body);
    if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) asked.end();
    else asked.flushHeaders();
  });
}
