import { ServiceError } from '../../../service-error.js';
import { StoreFullError, StoreUnavailableError } from '../../errors.js';

const DISK_FULL = /ENOSPC|EFBIG|EDQUOT|MDB_MAP_FULL/;

/** The error for the client after a failed flush: nothing of its commit is on the disk. */
export function journalError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  const { code, message } = error as { code?: unknown; message?: unknown };
  return DISK_FULL.test(`${String(code)} ${String(message)}`)
    ? new StoreFullError({ cause: error })
    : new StoreUnavailableError({ cause: error });
}
