-- post_json.lua - three backends that answer at once, asked with a JSON document.
dofile(os.getenv("WOK_LOADTEST") .. "/scenarios/report.lua")
wrk.method = "POST"
wrk.path = "/aggregate"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"mode": "spawn", "require": "all", "sources": [' ..
  '{"name": "a", "delay_ms": 0}, {"name": "b", "delay_ms": 0}, {"name": "c", "delay_ms": 0}]}'
