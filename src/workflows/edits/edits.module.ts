import { Global, Module } from '@nestjs/common';
import { EditMaker } from '../../engine/edit-maker.js';
import { editOf } from './edit-of.js';

@Global()
@Module({ providers: [{ provide: EditMaker, useValue: { editOf } }], exports: [EditMaker] })
export class EditsModule {}
