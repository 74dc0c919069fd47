import { describeLiveClients } from '../support/live-clients.js';

describeLiveClients({ streams: 200, sockets: 200, events: 50_000, cuts: 400, restarts: 12, patienceMs: 600_000 });
