/** Current time in milliseconds since 1970. Tests inject their own clock. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();
