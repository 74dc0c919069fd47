import { Module } from '@nestjs/common';
import { LiveCallers } from './live-callers.js';
import { RequestLifetime } from './request-lifetime.js';

@Module({ providers: [RequestLifetime, LiveCallers], exports: [RequestLifetime, LiveCallers] })
export class WaitingModule {}
