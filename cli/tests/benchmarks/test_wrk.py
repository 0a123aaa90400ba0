"""What wrk says."""

import pytest

from benchmarks.wrk import Load, LoadFailed, read

URL = "http://127.0.0.1:1/"


def output(requests: int, failed: int = 0) -> str:
    said = f'"requests": {requests}, "failed": {failed}, "duration": 2000000, "p50": 90, "p99": 400'
    return f"Running 2s test\nRequests/sec: 1\n{{{said}}}\n"


def test_times_are_per_request():
    assert read(output(20_000), URL) == Load(each=100.0, p50=90, p99=400)


@pytest.mark.parametrize(("requests", "failed"), [(0, 0), (10, 1)])
def test_a_load_with_failures_is_no_sample(requests, failed):
    with pytest.raises(LoadFailed, match=f"{failed} of {requests} requests failed"):
        read(output(requests, failed), URL)
