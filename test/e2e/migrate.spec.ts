import { describeMigrations } from '../support/migrations.js';

// The short form; test/chaos has the long one.
describeMigrations(2000, 4, 180_000);
