-- What a run of wrk says, as JSON for benchmarks/wrk.py: times in microseconds.
done = function(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '{"requests": %d, "failed": %d, "duration": %d, "p50": %d, "p99": %d}\n',
    summary.requests, failed, summary.duration,
    latency:percentile(50), latency:percentile(99)))
end
