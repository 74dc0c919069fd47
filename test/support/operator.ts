const TOKEN = 'the-token-of-the-operator';

/** Open to everybody on this machine, and to an operator by ADMIN_TOKEN. */
export const WITH_OPERATOR = { ACCESS: 'open', ADMIN_TOKEN: TOKEN } as const;
export const OPERATOR_TOKEN: string = TOKEN;
export const AS_OPERATOR = { authorization: `Bearer ${TOKEN}` } as const;
