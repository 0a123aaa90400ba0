"""docs/events.md, written into a copy of the project: the same function on both sides."""

import asyncio
import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from portable.check.rendering import render
from portable.check.roles import transformed
from portable.local.data.shared import with_data
from portable.local.lambda_side.sandboxes import INVOKE_PATH
from portable.local.launch.host import HostLauncher
from portable.local.operate.control import ask
from portable.manifests.cloudformation import render as render_template
from portable.manifests.system import load
from portable.manifests.template import read_template
from tests.docs.checks import faults, linted, style
from tests.portable.local_run import PORTABLE, LocalRun, local_run

ITEM = {"id": "lamp", "name": "A lamp", "quantity": 3}
QUEUE = "portable-api-test-ItemsQueue"


@pytest.fixture(scope="module")
def project(written: Callable[[str], Path]) -> Path:
    return written("events.md")


def event(*bodies: str) -> dict[str, Any]:
    """Return what Lambda gets of a queue, as far as anybody reads it."""
    return {
        "Records": [
            {"messageId": f"m{number}", "body": body, "eventSource": "aws:sqs"}
            for number, body in enumerate(bodies)
        ]
    }


def test_the_project_passes_its_checks(project: Path) -> None:
    assert faults(project) == []
    assert style(project) == ""


def test_the_worker_is_rendered_with_the_policy_and_without_a_port(
    project: Path, tmp_path: Path
) -> None:
    render(project, "portable-api", "test", ["worker"], tmp_path)
    [path] = tmp_path.glob("worker-test.stack.yml")
    assert linted(path) == []
    resources = read_template(tmp_path, path.name)["Resources"]
    [policy] = resources["TaskRole"]["Properties"]["ManagedPolicyArns"]
    assert "AppPolicy" in json.dumps(policy)
    [container] = resources["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    assert container["Command"][-1] == "app.items.worker"
    assert "LoadBalancers" not in resources["Service"]["Properties"]
    runtimes = {
        each["Properties"]["Runtime"]
        for each in resources.values()
        if each["Type"] == "AWS::Lambda::Function"
    }
    assert runtimes == {"nodejs24.x"}


def test_the_alias_gets_the_messages_and_may_return_some(project: Path) -> None:
    resources = transformed(render_template(project / "template.yaml", {"EnvName": "test"}))
    [mapping] = [
        each["Properties"]
        for each in resources.values()
        if each["Type"] == "AWS::Lambda::EventSourceMapping"
    ]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["FunctionName"] == {"Ref": "ApiFunctionAliaslive"}
    queue = read_template(project, "data/template.yaml")["Resources"]
    visible = queue["ItemsQueue"]["Properties"]["VisibilityTimeout"]
    assert visible == 6 * resources["ApiFunction"]["Properties"]["Timeout"]


def test_on_lambda_a_batch_fails_in_part_and_requests_go_on(project: Path) -> None:
    async def invoke() -> tuple[Any, Any, list[str]]:
        lines: list[str] = []

        def output(_: str, line: str) -> None:
            lines.append(line)

        system = load(project, "test", {})
        async with with_data(system, project, "test", output, print) as system:
            launcher = HostLauncher(system, project, None, {}, output, print)
            sandbox = await launcher.sandbox()
            try:
                await sandbox.ready()
                url = f"http://127.0.0.1:{sandbox.pool.port}{INVOKE_PATH}"
                async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
                    good, twice, bad = json.dumps(ITEM), json.dumps(ITEM), '{"id": "x"}'
                    answer = await client.post(url, json=event(good, twice, bad, "no JSON"))
                    request = json.loads((project / "get.json").read_text())
                    request["path"] = "/items/lamp"
                    found = await client.post(url, json=request)
                return answer.json(), found.json(), lines
            finally:
                await sandbox.kill()

    (project / "get.json").write_text(
        (Path(__file__).parents[3] / "tests/events/alb-get.json").read_text()
    )
    answer, found, lines = asyncio.run(invoke())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m2"}, {"itemIdentifier": "m3"}]}
    assert (found["statusCode"], json.loads(found["body"])) == (200, ITEM)
    said = "\n".join(lines)
    assert "Message m1 is done: its item is there." in said and "Message m2 failed." in said


class Queue:
    """The queue of a local run."""

    def __init__(self, port: str) -> None:
        variables = ask(int(port), "task")["variables"]
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
        endpoint = variables["AWS_ENDPOINT_URL"]
        self.client = boto3.client("sqs", "us-east-1", endpoint_url=endpoint, **keys)
        self.url = self.client.get_queue_url(QueueName=QUEUE)["QueueUrl"]

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.client.send_message(QueueUrl=self.url, MessageBody=body)

    def counts(self) -> tuple[int, int]:
        """Return how many messages wait, and how many have been taken and not deleted."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return int(found["Attributes"][names[0]]), int(found["Attributes"][names[1]])


@contextmanager
def worker(project: Path, port: str, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Run the worker next to a local run, as the page tells."""
    line = [PORTABLE, "task", "--local", "--port", port, "--timeout", "0", "--"]
    process = subprocess.Popen(
        [*line, *(command or ("python", "-m", "app.items.worker"))],
        cwd=project,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def run(project: Path) -> Iterator[LocalRun]:
    with local_run(cwd=project) as run:
        yield run


def eventually(condition: Callable[[], bool]) -> None:
    for _ in range(300):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("waited for in vain")


def test_the_worker_handles_what_is_sent_and_ends_at_sigterm(run: LocalRun, project: Path) -> None:
    port = run.url.rpartition(":")[2]
    queue = Queue(port)
    items = [ITEM | {"id": f"lamp-{number}"} for number in range(12)]
    queue.send(*map(json.dumps, items), json.dumps(items[0]), "no JSON")
    with worker(project, port) as process, run.client() as client:
        eventually(lambda: len(client.get("/items?limit=100").json()["items"]) == 12)
        eventually(lambda: queue.counts() == (0, 1))  # the one without JSON, which comes again
        assert {client.get("/items/lamp-3").status_code for _ in range(4)} == {200}  # on both sides
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "its command ended with exit status 0." in err
    assert out.count(" failed.") == 1 and "Traceback" not in err


def test_at_sigterm_the_worker_finishes_what_it_has_taken(run: LocalRun, project: Path) -> None:
    port = run.url.rpartition(":")[2]
    queue = Queue(port)
    queue.client.purge_queue(QueueUrl=queue.url)
    slow = (
        "import time; from app.items import worker\n"
        "def on_event(event):\n"
        "    print('taken', flush=True); time.sleep(2); print('done', flush=True)\n"
        "    return {'batchItemFailures': []}\n"
        "worker.on_event = on_event; raise SystemExit(worker.main())"
    )
    queue.send(json.dumps(ITEM))
    with worker(project, port, "python", "-c", slow) as process:
        assert process.stdout is not None and "taken\n" in iter(process.stdout.readline, "")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "done\n")
    assert "its command ended with exit status 0." in err
    assert queue.counts() == (0, 0)


def test_no_queue_is_one_line_and_the_end_of_the_worker(run: LocalRun, project: Path) -> None:
    port = run.url.rpartition(":")[2]
    command = ("--variable", "ITEMS_QUEUE=nowhere", "--", "python", "-m", "app.items.worker")
    done = subprocess.run(
        [PORTABLE, "task", "--local", "--port", port, *command],
        cwd=project,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    [line] = [line for line in done.stdout.splitlines() if "CRITICAL" in line]
    assert re.search(r"The worker ends. The queue nowhere in us-east-1: .*NonExistentQueue", line)
    assert "Traceback" not in done.stdout
