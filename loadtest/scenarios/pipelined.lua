-- pipelined.lua - 16 requests in one write: the parser and the gathering of answers.
-- wrk's latency is then that of a batch.
dofile(os.getenv("WOK_LOADTEST") .. "/scenarios/report.lua")
local batch

function init()
  local one = wrk.format("GET", "/healthz")
  batch = string.rep(one, 16)
end

function request()
  return batch
end
