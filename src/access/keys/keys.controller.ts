import { Controller, Delete, Get, Patch, Post, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { etagOf } from '../../engine/records/workflow-meta.js';
import type { Caller } from '../../http/caller.js';
import { cursorOf, positionOf } from '../../http/cursor.js';
import { expectationOf } from '../../http/preconditions.js';
import { answer, FromBody, FromCaller, FromPath, FromQuery, Route } from '../../http/route.js';
import { InsufficientScopeError } from '../access-errors.js';
import { maskOf, scopesOf } from '../scopes.js';
import { Key, KeyChange, KeyListQuery, KeyPage, KeyPath, KeyRotation, MadeKey, NewKey } from './key.dto.js';
import { maskOfKey } from './key-record.js';
import { Keys, type FoundKey } from './keys.js';

const OPERATOR = maskOf(['operator']);
const NOT_ONCE =
  'The service does not store the secret, so it cannot give the answer again; a request with `id` (or `sha256`) is safe to repeat';
const CHANGED = { says: 'The key', body: Key, headers: ['ETag'] } as const;

/** Keys: the credentials of programs. */
@ApiTags('access')
@Controller('v1/keys')
export class KeysController {
  constructor(private readonly keys: Keys) {}

  @Post()
  @Route({
    id: 'createKey',
    summary: 'Make a key; only this answer has its token',
    description:
      'The key has only scopes that the caller has, and a key that was made with another key never outlives it.',
    notOnce: NOT_ONCE,
    answers: { 201: { says: 'Made', body: MadeKey, headers: ['ETag', 'Location'] } },
    problems: ['ALREADY_EXISTS'],
  })
  async create(
    @FromBody(NewKey, { example: { name: 'writer-service', role: 'worker' } }) body: NewKey,
    @FromCaller() caller: Caller,
  ) {
    const { found, token } = await this.keys.create(caller, body);
    const headers = { ...secret(found), location: `/v1/keys/${found.id}` };
    return answer(201, { ...keyOf(found), key: token }, { headers });
  }

  @Get()
  @Route({
    id: 'listKeys',
    summary: 'List the keys of the tenant, oldest first',
    answers: { 200: { says: 'A page', body: KeyPage } },
    problems: ['INVALID_CURSOR'],
  })
  async list(@FromQuery(KeyListQuery) { limit, cursor, role }: KeyListQuery, @FromCaller() caller: Caller) {
    const ofOperators = role === 'operator';
    if (ofOperators && (caller.scopes & OPERATOR) === 0) throw new InsufficientScopeError(OPERATOR);
    const list = JSON.stringify(['keys', ofOperators, caller.tenant]);
    const after = cursor === undefined ? undefined : positionOf(list, cursor);
    const { items, next } = await this.keys.list(caller, { ofOperators, limit, after });
    return answer(200, { items: items.map(keyOf), nextCursor: cursorOf(list, next) });
  }

  @Get(':id')
  @Route({
    id: 'getKey',
    summary: 'Read a key, without its secret',
    answers: { 200: { says: 'The key', body: Key, headers: ['ETag'] } },
    problems: ['KEY_NOT_FOUND'],
  })
  async get(@FromPath(KeyPath) { id }: KeyPath, @FromCaller() caller: Caller) {
    const found = await this.keys.get(caller, id);
    return answer(200, keyOf(found), { headers: tagged(found) });
  }

  @Patch(':id')
  @Route({
    id: 'changeKey',
    summary: 'Change the rights of a key; members that are left out stay',
    notOnce: NOT_ONCE,
    headers: ['If-Match'],
    answers: { 200: CHANGED },
    problems: ['KEY_NOT_FOUND'],
  })
  async change(
    @FromPath(KeyPath) { id }: KeyPath,
    @FromBody(KeyChange, { example: { role: 'reader' } }) body: KeyChange,
    @FromCaller() caller: Caller,
    @Req() request: FastifyRequest,
  ) {
    const found = await this.keys.change(caller, id, expectationOf(request), body);
    return answer(200, keyOf(found), { headers: tagged(found) });
  }

  @Post(':id/rotate')
  @Route({
    id: 'rotateKey',
    summary: 'Make a new secret for a key; the old one is accepted for graceSeconds',
    notOnce: NOT_ONCE,
    headers: ['If-Match'],
    description:
      'The old secret is never accepted for longer than the key. A key that ends before the other cannot rotate it.',
    answers: { 200: { says: 'Rotated', body: MadeKey, headers: ['ETag'] } },
    problems: ['KEY_NOT_FOUND', 'ALREADY_EXISTS'],
  })
  async rotate(
    @FromPath(KeyPath) { id }: KeyPath,
    @FromBody(KeyRotation, { optional: true }) body: KeyRotation,
    @FromCaller() caller: Caller,
    @Req() request: FastifyRequest,
  ) {
    const { found, token } = await this.keys.rotate(caller, id, expectationOf(request), body);
    return answer(200, { ...keyOf(found), key: token }, { headers: secret(found) });
  }

  @Post(':id/revoke')
  @Route({
    id: 'revokeKey',
    summary: 'Revoke a key on all replicas; it stays listed for 30 days',
    notOnce: NOT_ONCE,
    headers: ['If-Match'],
    answers: { 200: CHANGED },
    problems: ['KEY_NOT_FOUND'],
  })
  async revoke(@FromPath(KeyPath) { id }: KeyPath, @FromCaller() caller: Caller, @Req() request: FastifyRequest) {
    const found = await this.keys.revoke(caller, id, expectationOf(request));
    return answer(200, keyOf(found), { headers: tagged(found) });
  }

  @Delete(':id')
  @Route({
    id: 'deleteKey',
    summary: 'Delete a key with its history; it is refused at once',
    notOnce: NOT_ONCE,
    headers: ['If-Match'],
    answers: { 204: { says: 'Deleted, or did not exist' } },
  })
  async delete(@FromPath(KeyPath) { id }: KeyPath, @FromCaller() caller: Caller, @Req() request: FastifyRequest) {
    await this.keys.delete(caller, id, expectationOf(request));
    return answer(204);
  }
}

function tagged({ meta }: FoundKey) {
  return { etag: etagOf(meta) };
}

function secret(found: FoundKey) {
  return { ...tagged(found), 'cache-control': 'no-store' };
}

function keyOf({ id, tenant, value, lastUsedAtMs }: FoundKey): Key {
  const { name, role, user, ips, limit, metadata, start, createdAtMs, createdBy, expiresAtMs, revokedAtMs } = value;
  return {
    id,
    tenant,
    name,
    role,
    scopes: scopesOf(maskOfKey(value)),
    user,
    ips,
    limit,
    metadata: metadata ?? 'null',
    start,
    createdAtMs,
    createdBy,
    expiresAtMs,
    revokedAtMs,
    oldSecretUntilMs: value.digests[1]?.untilMs ?? null,
    lastUsedAtMs,
  };
}
