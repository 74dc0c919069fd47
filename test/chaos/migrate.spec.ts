import { describeMigrations } from '../support/migrations.js';

describeMigrations(100_000, 8, 1_800_000);
