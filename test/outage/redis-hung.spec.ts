import { describeHang } from '../support/outage/describe-hang.js';

// The short form; test/chaos has the twenty seconds.
describeHang(4000, 60_000);
