import type { RedisCommands } from '../../src/engine/redis/connection/drivers/redis-driver.js';
import type { RedisConnections } from '../../src/engine/redis/connection/redis-connections.js';

/** Goes before a script: the server has no commands that came with Redis 7, and says so. */
const WITHOUT = `
local redis = (function(real)
  local function refused(run)
    return function(name, ...)
      if name == 'PEXPIRETIME' or name == 'EXPIRETIME' then error('ERR unknown command ' .. name) end
      return run(name, ...)
    end
  end
  return setmetatable({ REDIS_VERSION_NUM = false, call = refused(real.call), pcall = refused(real.pcall) }, { __index = real })
end)(redis)
`;

/** Makes scripts run as on Redis 6.2. */
export function asRedis6(connections: RedisConnections): void {
  const command = connections.command.bind(connections);
  connections.command = (atOnce) => {
    const client: RedisCommands = command(atOnce);
    return new Proxy(client, {
      get(target, name) {
        // The source is needed, so the server never knows a script by its digest.
        if (name === 'evalsha') return () => Promise.reject(new Error('NOSCRIPT'));
        if (name === 'eval')
          return (source: string, count: number, ...rest: (string | number)[]) =>
            target.eval(WITHOUT + source, count, ...rest);
        if (name === 'pexpiretime') return () => Promise.reject(new Error("ERR unknown command 'PEXPIRETIME'"));
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
}
