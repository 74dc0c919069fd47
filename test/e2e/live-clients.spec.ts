import { describeLiveClients } from '../support/live-clients.js';

// The short form; test/chaos has the long one.
describeLiveClients({ streams: 20, sockets: 20, events: 3000, cuts: 40, restarts: 3, patienceMs: 120_000 });
