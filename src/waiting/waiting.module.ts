import { Module } from '@nestjs/common';
import { Listeners } from './listeners.js';
import { LiveCallers } from './live-callers.js';
import { RequestLifetime } from './request-lifetime.js';

@Module({ providers: [RequestLifetime, LiveCallers, Listeners], exports: [RequestLifetime, LiveCallers, Listeners] })
export class WaitingModule {}
