import { Module } from '@nestjs/common';
import { Patience } from './patience.js';

@Module({ providers: [Patience], exports: [Patience] })
export class WaitingModule {}
