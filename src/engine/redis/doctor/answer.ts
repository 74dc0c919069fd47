export interface Answer {
  /** 'unknown': could not be checked, which is no failure. */
  readonly status: 'ok' | 'warn' | 'fail' | 'unknown';
  readonly says: string;
  readonly advice?: string;
}

export const ok = (says: string): Answer => ({ status: 'ok', says });
export const warn = (says: string, advice: string): Answer => ({ status: 'warn', says, advice });
export const fail = (says: string, advice: string): Answer => ({ status: 'fail', says, advice });
