-- healthz.lua - the cost of one request by itself: no fan-out, no JSON.
dofile(os.getenv("WOK_LOADTEST") .. "/scenarios/report.lua")
wrk.path = "/healthz"
