import { describeHang } from '../support/outage/describe-hang.js';

describeHang(20_000, 120_000);
