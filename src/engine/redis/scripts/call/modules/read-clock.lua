-- read-clock: reads the clock in a script that reads it with no other key.
if not given_time then clock.set(redis.call('GET', clock_key)) end
