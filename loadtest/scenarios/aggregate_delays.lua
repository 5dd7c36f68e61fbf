-- aggregate_delays.lua - three backends that take 20, 10 and 5 ms: each answer waits for timers.
dofile(os.getenv("WOK_LOADTEST") .. "/scenarios/report.lua")
wrk.path = "/aggregate?source=a:20&source=b:10&source=c:5"
