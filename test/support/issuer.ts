import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWTPayload } from 'jose';

export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

/** An issuer of JSON Web Tokens on a local port, with a discovery document and real keys. */
export class TestIssuer {
  /** Paths that were asked for. */
  readonly requests: string[] = [];
  readonly keys: SigningKey[] = [];
  /** Answers by path, instead of its own. */
  readonly answers = new Map<string, { readonly status: number; readonly body: string }>();
  #server: Server;
  #url = '';

  private constructor() {
    this.#server = createServer((request, response) => {
      const path = request.url ?? '';
      this.requests.push(path);
      void this.#bodyOf(path).then(({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(body);
      });
    });
  }

  static async start(algorithm = 'RS256'): Promise<TestIssuer> {
    const issuer = new TestIssuer();
    await issuer.addKey(algorithm);
    await issuer.listen();
    return issuer;
  }

  get url(): string {
    return this.#url;
  }

  /** How often the keys were asked for. */
  get keyRequests(): number {
    return this.requests.filter((path) => path.endsWith('/keys') || path.endsWith('jwks.json')).length;
  }

  async addKey(alg: string, kid = `key-${this.keys.length + 1}`): Promise<SigningKey> {
    const pair = await generateKeyPair(alg, { extractable: true, ...(alg === 'EdDSA' && { crv: 'Ed25519' }) });
    const key = { kid, alg, ...pair };
    this.keys.push(key);
    return key;
  }

  async listen(): Promise<void> {
    const port = this.#url === '' ? 0 : Number(new URL(this.#url).port);
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** A token of this issuer for the audience `waymark`; `claims` replace its own, undefined leaves one out. */
  sign(claims: JWTPayload = {}, key: SigningKey = this.keys.at(-1) as SigningKey, nowMs = Date.now()): Promise<string> {
    const now = Math.floor(nowMs / 1000);
    const usual = { iss: this.url, aud: 'waymark', sub: 'ada', org_id: 'acme', iat: now, exp: now + 3600 };
    const { kid, alg } = key;
    return new SignJWT({ ...usual, ...claims }).setProtectedHeader({ alg, kid }).sign(key.privateKey);
  }

  async #bodyOf(path: string): Promise<{ readonly status: number; readonly body: string }> {
    const given = this.answers.get(path);
    if (given !== undefined) return given;
    if (path === '/.well-known/openid-configuration') {
      return { status: 200, body: JSON.stringify({ issuer: this.url, jwks_uri: `${this.url}/keys` }) };
    }
    if (path !== '/keys' && path !== '/.well-known/jwks.json') return { status: 404, body: '{}' };
    const keys = this.keys.map(async ({ kid, alg, publicKey }) => ({ ...(await exportJWK(publicKey)), kid, alg }));
    return { status: 200, body: JSON.stringify({ keys: await Promise.all(keys) }) };
  }
}
