import { connect, type Socket } from 'node:net';
import { afterEach, it } from '@jest/globals';
import { describeService, type Service } from '../support/describe-service.js';
import { until } from '../support/until.js';

describeService(
  'connections',
  (service) => {
    const open: Connection[] = [];
    afterEach(() => {
      for (const connection of open.splice(0)) connection.socket.destroy();
    });

    it('beyond the limit are closed at once, until one ends', async () => {
      const more = () => {
        const connection = new Connection(service);
        open.push(connection);
        return connection;
      };
      await until(() => {
        more();
        return open.some(({ isClosed }) => isClosed);
      }, 'a connection is closed');
      const answered = open.find(({ isClosed }) => !isClosed) as Connection;
      answered.ask();
      await until(() => answered.answer.startsWith('HTTP/1.1 200'), 'an open connection is served');
      for (const { socket } of open.splice(0)) socket.destroy();
      await until(async () => (await service.get('/status')).status === 200, 'a new connection is served');
    });
  },
  { MAX_CONNECTIONS: '10' },
);

class Connection {
  answer = '';
  isClosed = false;
  readonly socket: Socket;

  constructor(service: Service) {
    const { hostname, port } = new URL(service.url);
    this.socket = connect(Number(port), hostname);
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => (this.isClosed = true));
    this.socket.on('data', (data) => (this.answer += data.toString()));
  }

  ask(): void {
    this.socket.write('GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  }
}
