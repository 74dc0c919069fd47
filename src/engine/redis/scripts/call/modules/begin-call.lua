-- begin-call: refuses a call that comes late, and writes the clock when that is due.
if fence.refuses() then return { 'fenced' } end
clock.keep()
