import { Module } from '@nestjs/common';
import { Attach } from './attach.js';
import { AttachController } from './attach.controller.js';

@Module({ controllers: [AttachController], providers: [Attach] })
export class AttachModule {}
