import type { Socket } from 'node:net';
import { BadRequestError, InvalidHeaderError, RequestTimeoutError } from './http-errors.js';
import { problemOf } from './problem.js';
import type { ServiceError } from '../service-error.js';

/** Answers requests that the HTTP parser refuses: problem documents, written to the socket. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, headers, body } = problemOf(toServiceError(error.code), 'none');
  const lines = Object.entries({ ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' });
  socket.end(`HTTP/1.1 ${status} -\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`);
}

function toServiceError(code: string | undefined): ServiceError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new RequestTimeoutError('The request took too long to arrive');
    case 'HPE_HEADER_OVERFLOW':
      return new InvalidHeaderError('Headers', 'are larger than 16 KiB together');
    default:
      return new BadRequestError('The request is not valid HTTP');
  }
}
