-- begin-call: refuses a call that comes late, and keeps the clock going. First writes of a call.
if fence.refuses() then return { 'fenced' } end
clock.keep()
