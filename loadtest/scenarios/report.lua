-- report.lua - what all scenarios share; loadtest/run says in WOK_LOADTEST where it is.
--
-- At the end of a run wrk calls done() with its figures: one line of NAME=VALUE that the shell can
-- read, so that no unit has to be parsed out of prose.  Times are in microseconds, as wrk keeps them.

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    "WRK requests=%d duration_us=%d p50_us=%.0f p90_us=%.0f p99_us=%.0f max_us=%.0f bytes=%d " ..
      "non_2xx=%d connect_errors=%d read_errors=%d write_errors=%d timeouts=%d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(90),
    latency:percentile(99), latency.max, summary.bytes,
    errors.status, errors.connect, errors.read, errors.write, errors.timeout))
end
