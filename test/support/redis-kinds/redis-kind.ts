/** Real servers of one kind, and the settings by which a service reaches them. */
export interface RunningRedis {
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}
