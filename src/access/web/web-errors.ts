import { ServiceError } from '../../service-error.js';

const MAX_SHOWN_CHARACTERS = 100;

const shown = (text: string) => JSON.stringify(text.slice(0, MAX_SHOWN_CHARACTERS));

export class AmbiguousHostError extends ServiceError {
  readonly code = 'INVALID_HEADER';

  constructor() {
    super('Host: must be given once');
  }
}

export class HostNotAllowedError extends ServiceError {
  readonly code = 'HOST_NOT_ALLOWED';

  constructor(host: string) {
    const given = host === '' ? 'A request without Host is' : `The host ${shown(host)} is`;
    super(`${given} not served here; ALLOWED_HOSTS lists the names of this service`);
  }
}

export class CrossSiteError extends ServiceError {
  readonly code = 'CROSS_SITE';

  constructor(origin: string | undefined) {
    const page = origin === undefined ? 'another site' : `the origin ${shown(origin)}`;
    super(`A page of ${page} may not use this service; ORIGINS lists the origins whose pages may`);
  }
}
