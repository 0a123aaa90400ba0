"""The local run, started as a user starts it and asked over real sockets."""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.portable.local_run import PORTABLE, ROOT, LocalRun, local_run

SAMPLE = ("--app", "cli.tests.portable.sample_app:app")


@pytest.fixture(scope="module")
def project_run() -> Iterator[LocalRun]:
    """The project's own app."""
    with local_run("--verbose") as run:
        yield run


@pytest.fixture(scope="module")
def lambda_run() -> Iterator[LocalRun]:
    """The sample app, all requests to Lambda."""
    with local_run(*SAMPLE, "--fargate-weight", "0", "--max-sandboxes", "3") as run:
        yield run


@pytest.fixture(scope="module")
def fargate_run() -> Iterator[LocalRun]:
    """The sample app, all requests to Fargate."""
    with local_run(*SAMPLE, "--lambda-weight", "0") as run:
        yield run


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def answers(run: LocalRun, path: str, number: int, threads: int = 4) -> Counter[str]:
    """Ask `number` times; return how often each body came."""
    with run.client() as client, ThreadPoolExecutor(threads) as pool:
        responses = list(pool.map(lambda _: client.get(path), range(number)))
    assert {response.status_code for response in responses} == {200}
    return Counter(response.json() for response in responses)


def assert_share(count: int, number: int, share: float) -> None:
    """Fail if `count` of `number` is five standard deviations from `share`."""
    deviation = (number * share * (1 - share)) ** 0.5
    assert abs(count - number * share) <= 5 * deviation


def test_both_targets_answer_half_of_the_requests(project_run: LocalRun) -> None:
    counts = answers(project_run, "/", 400)
    assert set(counts) == {"Hello from lambda", "Hello from ecs"}
    assert_share(counts["Hello from lambda"], 400, 0.5)


def test_the_access_log_names_the_target_of_every_request(project_run: LocalRun) -> None:
    def logged() -> list[str]:
        return [line for line in project_run.out if "/?logged" in line]

    counts = answers(project_run, "/?logged", 20)
    wait_for(lambda: len(logged()) >= 20)
    lines = logged()
    pattern = r"\S+Z 127\.0\.0\.1 GET /\?logged 200 (lambda sandbox-\d+|fargate task-[12]) [\d.]+ms"
    assert len(lines) == 20 and all(re.fullmatch(pattern, line) for line in lines)
    sides = Counter(line.split()[5] for line in lines)
    assert sides == {"lambda": counts["Hello from lambda"], "fargate": counts["Hello from ecs"]}


def test_both_targets_log_a_request_with_the_same_fields(project_run: LocalRun) -> None:
    trace_id = "Root=1-67891233-abcdef012345678912345678"
    with project_run.client() as client:
        for _ in range(40):
            client.get("/", headers={"X-Amzn-Trace-Id": trace_id})
    wait_for(lambda: sum(trace_id in line for line in project_run.err) >= 40)
    lines = [line.partition(" | ")[2] for line in project_run.err]
    requests = [json.loads(line) for line in lines if trace_id in line]
    assert {line["target"] for line in requests} == {"lambda", "ecs"}
    assert len({tuple(line) for line in requests}) == 1
    assert len({line["request_id"] for line in requests}) == 40


def test_weights_of_the_command_line_win() -> None:
    with local_run("--lambda-weight", "90", "--fargate-weight", "10", "--quiet") as run:
        counts = answers(run, "/", 400)
    assert_share(counts["Hello from lambda"], 400, 0.9)
    assert not [line for line in run.err if " | " in line], "--quiet hides what the app writes"
    summary = run.err[-2:]
    assert f"requests {counts['Hello from lambda']}, 5xx 0" in summary[0]
    assert f"requests {counts['Hello from ecs']}, 5xx 0" in summary[1]


def test_a_weight_of_zero_gets_nothing(lambda_run: LocalRun, fargate_run: LocalRun) -> None:
    assert answers(lambda_run, "/target", 200, threads=2) == {"lambda": 200}
    assert answers(fargate_run, "/target", 200) == {"ecs": 200}


def test_weights_are_read_from_samconfig(project: Path) -> None:
    edit(project / "samconfig.toml", "LambdaWeight = 50", "LambdaWeight = 0")
    with local_run(cwd=project) as run:
        assert answers(run, "/", 50) == {"Hello from ecs": 50}


def test_requests_beyond_the_sandboxes_are_throttled(lambda_run: LocalRun) -> None:
    with lambda_run.client() as client, ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: client.get("/sleep/2"), range(8)))
    assert Counter(response.status_code for response in responses) == {200: 3, 502: 5}
    assert sum("LambdaThrottling" in line for line in lambda_run.out) == 5
    page = next(response for response in responses if response.status_code == 502)
    assert "<center><h1>502 Bad Gateway</h1></center>" in page.text
    assert page.headers["server"] == "awselb/2.0"


def test_a_sandbox_that_is_killed_is_replaced(lambda_run: LocalRun) -> None:
    with lambda_run.client() as client, ThreadPoolExecutor(1) as pool:
        victim = client.get("/pid").json()
        waiting = pool.submit(client.get, "/sleep/20")
        while not _busy(lambda_run, victim):
            time.sleep(0.05)
        os.kill(victim, signal.SIGKILL)
        assert waiting.result().status_code == 502
        assert client.get("/pid").json() != victim
    assert "LambdaUnhandled" in next(line for line in lambda_run.out if "/sleep/20" in line)


def _busy(run: LocalRun, pid: int) -> bool:
    """Whether another request would not get the sandbox of process `pid`."""
    with run.client() as client:
        return bool(client.get("/pid").json() != pid)


def test_a_handler_that_exits_costs_one_request(lambda_run: LocalRun) -> None:
    with lambda_run.client() as client:
        assert client.get("/exit").status_code == 502
        assert client.get("/target").json() == "lambda"


def test_a_function_that_takes_too_long_is_killed(project: Path) -> None:
    edit(project / "template.yaml", "Timeout: 30", "Timeout: 3")
    with local_run(*SAMPLE, "--fargate-weight", "0", cwd=project) as run:
        with run.client() as client:
            victim = client.get("/pid").json()
            # A deadline of the handler's comes before the function's timeout.
            assert client.get("/sleep/30").status_code == 504
            assert client.get("/pid").json() == victim
            assert client.get("/block/30").status_code == 502  # as documented: not 504
            assert client.get("/pid").json() != victim
        assert victim not in run.descendants()
    assert "Task timed out after 3.00 seconds" in "\n".join(run.out)


def test_bodies_over_1_mb_pass_on_fargate_only(lambda_run: LocalRun, fargate_run: LocalRun) -> None:
    large = b"x" * (1024 * 1024 + 1)
    with lambda_run.client() as client:
        assert client.post("/length", content=large[:-1]).json() == 1024 * 1024
        assert client.post("/length", content=large).status_code == 413
        assert client.get("/bytes/900000").status_code == 200
        refused = client.get("/bytes/1100000")
        assert refused.status_code == 500 and "at most 1048576" in refused.text
    with fargate_run.client() as client:
        assert client.post("/length", content=large).json() == len(large)
        assert len(client.get("/bytes/1100000").text) == 1_100_000


def test_fargate_streams_and_lambda_does_not(lambda_run: LocalRun, fargate_run: LocalRun) -> None:
    with fargate_run.client() as client, client.stream("GET", "/stream") as response:
        assert [chunk.decode() for chunk in response.iter_raw()] == ["first", "last"]
    with lambda_run.client() as client, client.stream("GET", "/stream") as response:
        assert [chunk.decode() for chunk in response.iter_raw()] == ["firstlast"]


def test_fargate_does_not_believe_a_forged_client(fargate_run: LocalRun) -> None:
    with fargate_run.client() as client:
        seen = client.get("/request", headers={"X-Forwarded-For": "6.6.6.6"}).json()
    assert seen["client"] == "127.0.0.1"
    assert ["x-forwarded-for", "6.6.6.6, 127.0.0.1"] in seen["headers"]


def test_a_task_that_is_killed_is_restarted(fargate_run: LocalRun) -> None:
    with fargate_run.client() as client:
        tasks = {client.get("/pid").json() for _ in range(10)}
        assert len(tasks) == 2
        victim = tasks.pop()
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: any("starting another" in line for line in fargate_run.err))
        # Until the new one is healthy, the other one serves alone.
        assert {client.get("/pid").json() for _ in range(10)} <= tasks | _others(client)
        wait_for(lambda: len({client.get("/pid").json() for _ in range(10)}) == 2)


def _others(client: httpx.Client) -> set[int]:
    return {client.get("/pid").json() for _ in range(10)}


def wait_for(condition, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP])
def test_a_signal_ends_everything_after_the_requests_in_flight(number: int) -> None:
    run = LocalRun(*SAMPLE)
    run.wait_until_up()
    with run.client() as client, ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(client.get, "/sleep/2") for _ in range(8)]
        wait_for(lambda: sum("sleeping" in line for line in run.err) == 8)
        assert len(run.descendants()) >= 4
        assert run.stop(number) == 0
        assert [answer.result().status_code for answer in waiting] == [200] * 8


def test_a_second_signal_ends_everything_at_once() -> None:
    run = LocalRun(*SAMPLE, "--lambda-weight", "0")
    run.wait_until_up()
    with run.client() as client, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.get, "/sleep/50")
        wait_for(lambda: any("sleeping 50" in line for line in run.err))
        run.process.send_signal(signal.SIGINT)
        wait_for(lambda: _refuses(run.url))  # the first signal has been seen
        assert run.stop(signal.SIGINT) == 130
        assert isinstance(waiting.exception(), httpx.HTTPError)


def _refuses(url: str) -> bool:
    try:
        httpx.get(url, trust_env=False)
    except httpx.ConnectError:
        return True
    return False


def test_a_signal_during_the_start_leaves_nothing_behind() -> None:
    run = LocalRun()
    wait_for(lambda: len(run.descendants()) >= 2)
    assert run.stop() == 0


def failed(*options: str, cwd: Path = ROOT) -> str:
    """Run it where it cannot start; return the one sentence that it says."""
    run = LocalRun(*options, cwd=cwd)
    assert run.process.wait(60) == 1
    run.stop()
    *_, sentence = run.err
    assert not any("Traceback" in line for line in run.err)
    assert sentence.startswith("portable: ") and sentence.endswith(".")
    assert not sentence.endswith("..") and "Traceback" not in sentence
    return sentence


def test_a_busy_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}: Address already in use" in failed("--port", str(port))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import no_such_module", "No module named 'no_such_module' (broken.py, line 1)"),
        ("app = (", "'(' was never closed (broken.py, line 1)"),
        ("other = 1", "'broken' has no 'app'"),
        (
            "from contextlib import asynccontextmanager\nfrom fastapi import FastAPI\n"
            "@asynccontextmanager\nasync def lifespan(app):\n    raise OSError('no database')\n"
            "    yield\napp = FastAPI(lifespan=lifespan)\n",
            "OSError: no database (broken.py, line 5)",
        ),
    ],
)
def test_an_app_that_does_not_start_is_explained(project: Path, source: str, expected: str) -> None:
    (project / "broken.py").write_text(source)
    sentence = failed("--app", "broken:app", cwd=project)
    assert "the app does not start" in sentence or "the function does not answer" in sentence
    assert expected in sentence


def test_an_app_without_the_health_check_is_told_on_both_sides(project: Path) -> None:
    source = "from fastapi import FastAPI\napp = FastAPI()\n"
    (project / "bare.py").write_text(source + "@app.get('/')\ndef root(): return 'here'\n")
    with local_run("--app", "bare:app", cwd=project) as run:
        told = [line for line in run.err if "Give the app a route GET /healthz." in line]
        assert {line.partition(" ")[0] for line in told} == {"lambda", "fargate"}
        assert all("answers 404 to GET /healthz, expected 200." in line for line in told)
        assert answers(run, "/", 10) == {"here": 10}


def test_a_server_with_workers_on_another_port_is_explained_from_the_start(project: Path) -> None:
    manifest = project / "copilot/api/manifest.yml"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    server = f'"-m", "uvicorn", "app.main:app", "--port", "{port}", "--workers", "2"]'
    edit(manifest, '"-m", "portable_runtime.server"]', server)
    edit(manifest, "    min: 2 ", "    min: 1 ")
    run = LocalRun(cwd=project)
    wait_for(lambda: any("so far" in line for line in run.err))
    assert "command has --workers: a task has the vCPU of one process" in run.err[0]
    [waiting] = [line for line in run.err if "so far" in line]
    pattern = r"Waiting for task-1 to answer GET /healthz on port \d+ \(5 s so far\)\."
    assert re.fullmatch(pattern, waiting)
    assert run.stop() == 0


def test_a_missing_app_is_named() -> None:
    assert "there is no module 'nowhere'" in failed("--app", "nowhere:app")


def test_a_broken_manifest_is_named(project: Path) -> None:
    edit(project / "copilot/api/manifest.yml", "  port: 8080", "  port: 9000")
    sentence = failed(cwd=project)
    assert "alb/template.yaml" in sentence and "copilot/api/manifest.yml" in sentence
    assert "8080" in sentence and "9000" in sentence


def test_a_variable_on_one_side_is_told_and_an_app_on_one_side_is_refused(project: Path) -> None:
    template = project / "template.yaml"
    text = template.read_text()
    level = "LOG_LEVEL: INFO\n"
    template.write_text(text.replace(level, f"{level}          GREETING: hello\n"))
    with local_run(cwd=project) as run:
        told = "Variables has GREETING, but copilot/api/manifest.yml: variables has not."
        assert any(told in line for line in run.err)
    with local_run("--variable", "GREETING=both", cwd=project) as run:
        assert not any("has GREETING" in line for line in run.err)
    template.write_text(text.replace(level, f"{level}          ASGI_APP: other:app\n"))
    refused = "Variables has ASGI_APP, but copilot/api/manifest.yml: variables has not."
    assert refused in failed(cwd=project)


RULES = """
  StreamingRule:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties:
      ListenerArn: !Ref HttpListener
      Priority: 10
      Conditions:
        - Field: path-pattern
          PathPatternConfig: {Values: [/target, /stream/*]}
      Actions:
        - Type: forward
          TargetGroupArn: !Ref FargateTargetGroup
  ClosedRule:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties:
      ListenerArn: !Ref HttpListener
      Priority: 5
      Conditions:
        - Field: http-header
          HttpHeaderConfig: {HttpHeaderName: X-Closed, Values: ["*"]}
      Actions:
        - Type: fixed-response
          FixedResponseConfig: {StatusCode: 503, ContentType: text/plain, MessageBody: Closed.}
"""


def test_rules_of_the_listener_go_before_the_weights(project: Path) -> None:
    template = project / "alb/template.yaml"
    edit(template, "\nResources:\n", f"\nResources:{RULES}")
    with local_run(*SAMPLE, "--fargate-weight", "0", cwd=project) as run:
        assert answers(run, "/target", 20) == {"ecs": 20}
        with run.client() as client:
            closed = client.get("/target", headers={"X-Closed": "yes"})
        assert (closed.status_code, closed.text) == (503, "Closed.")
        wait_for(lambda: len(run.out) == 21)
        assert run.out[-1].split()[5:7] == ["-", "-"]
    edit(template, "Type: fixed-response", "Type: authenticate-cognito")
    sentence = failed(cwd=project)
    assert "ClosedRule.Properties.Actions has 'authenticate-cognito'" in sentence


def test_a_folder_without_manifests_is_named(tmp_path: Path) -> None:
    assert f"there is no template.yaml in {tmp_path}" in failed(cwd=tmp_path)


def test_a_terminal_gets_a_live_table() -> None:
    main, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    command = [PORTABLE, "run", "--port", "0", "--quiet"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=terminal, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    screen = ""
    try:
        while not (found := re.search(r"Listening on (http://[\d.:]+)", screen)):
            screen += _read(main)
        with httpx.Client(base_url=found[1], trust_env=False) as client:
            for _ in range(20):
                client.get("/")
        while not re.search(r"GET / 200 (lambda|fargate)", screen):
            screen += _read(main)
    finally:
        process.send_signal(signal.SIGINT)
        while chunk := _read(main):
            screen += chunk
        os.close(main)
    assert process.wait(30) == 0
    last_frame = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen[screen.rindex("group") :])
    [function, fargate] = [row.split() for row in re.findall(r"(?:lambda|fargate) .*", last_frame)]
    assert int(function[4]) + int(fargate[4]) == 20
    assert (function[1:3], function[-3:]) == (["50", "50.0%"], ["1", "of", "1"])
    assert (fargate[1:3], fargate[-3:]) == (["50", "50.0%"], ["2", "of", "2"])


def _read(terminal: int) -> str:
    assert select.select([terminal], [], [], 60)[0], "nothing was written for a minute"
    try:
        return os.read(terminal, 65_536).decode("utf-8", "replace")
    except OSError:  # the other end is closed
        return ""
