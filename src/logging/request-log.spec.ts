import { describe, expect, it } from '@jest/globals';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { pino } from 'pino';
import { logRequests } from './request-log.js';

interface Line {
  readonly level: number;
  readonly route: string;
  readonly status: number;
  readonly msg: string;
}

const INFO = 30;
const WARN = 40;
const ERROR = 50;

describe('the log of requests', () => {
  /** Lines at level info and above for answers with these statuses. */
  function linesOf(statuses: readonly number[], route = '/v1/workflows/:id', ms = 1, headers = {}): Line[] {
    const lines: Line[] = [];
    const log = logRequests(pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) }));
    for (const statusCode of statuses) {
      const request = { id: 'r', method: 'GET', headers, routeOptions: { url: route } } as unknown as FastifyRequest;
      log(request, { statusCode } as FastifyReply, ms);
    }
    return lines;
  }

  it('has a line for each failure of the service, and none for answers below 500', () => {
    const lines = linesOf([200, 404, 500, 500, 502]);
    expect(lines.map(({ level, status }) => [level, status])).toEqual([
      [ERROR, 500],
      [ERROR, 500],
      [ERROR, 502],
    ]);
  });

  it('does not call it an error when the store cannot do what the client asks for', () => {
    expect(linesOf([501, 504]).map(({ level, status }) => [level, status])).toEqual([
      [INFO, 501],
      [INFO, 504],
    ]);
  });

  it('has one line for many requests that are answered 503', () => {
    const lines = linesOf(Array.from({ length: 1000 }, () => 503));
    expect(lines).toMatchObject([{ level: WARN, status: 503, route: '/v1/workflows/:id', msg: 'request' }]);
  });

  it('warns of a slow answer, unless the client asked to wait', () => {
    expect(linesOf([200], '/x', 1001)).toMatchObject([{ level: WARN, status: 200 }]);
    expect(linesOf([200], '/x', 1001, { prefer: 'wait=5' })).toEqual([]);
  });
});
