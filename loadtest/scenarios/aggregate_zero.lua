-- aggregate_zero.lua - three backends that answer at once: the cost of spawning and joining.
dofile(os.getenv("WOK_LOADTEST") .. "/scenarios/report.lua")
wrk.path = "/aggregate?source=a:0&source=b:0&source=c:0"
