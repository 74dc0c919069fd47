import type { OpenAPIObject } from '@nestjs/swagger';
import { accessOfRoute } from './routes.js';
import { OPEN_SCOPES, scopesOf } from './scopes.js';

const SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description:
      'A key (`wmk_…`), the key or token of an operator, or with JWT_ISSUER a token of that issuer. Operators act inside a ' +
      'tenant by the header `Waymark-Tenant`.',
  },
  apiKey: {
    type: 'apiKey',
    in: 'header',
    name: 'X-API-Key',
    description: 'The same credential in another header',
  },
} as const;

/** Describes credentials, and for each operation the scope that its caller needs. */
export function withAccess(document: OpenAPIObject, isOpen: boolean): void {
  document.components = { ...document.components, securitySchemes: { ...SCHEMES } };
  for (const [path, methods] of Object.entries(document.paths)) {
    const url = path.replaceAll(/\{([^}]+)\}/g, ':$1');
    for (const [method, operation] of Object.entries(methods as Record<string, { security?: object[] }>)) {
      const { isPublic, scopes } = accessOfRoute(method.toUpperCase(), url);
      const needed = scopesOf(scopes);
      const isOpenToAll = isOpen && (scopes & ~OPEN_SCOPES) === 0;
      operation.security = isPublic ? [] : [{ bearer: needed }, { apiKey: needed }, ...(isOpenToAll ? [{}] : [])];
    }
  }
}
