import { Module } from '@nestjs/common';
import { RequestLifetime } from './request-lifetime.js';

@Module({ providers: [RequestLifetime], exports: [RequestLifetime] })
export class WaitingModule {}
