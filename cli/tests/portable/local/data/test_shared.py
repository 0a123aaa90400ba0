"""The data of the local run: both sides have the table and the secret of data/template.yaml."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.portable.local_run import PORTABLE, ROOT, LocalRun, local_run

ITEM = {"id": "lamp", "name": "A lamp", "quantity": 3}
SIDE = "x-portable-side"


@pytest.fixture
def moto() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def dynamodb(endpoint: str) -> Any:
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    return boto3.client("dynamodb", endpoint_url=endpoint, **keys)


def test_what_lambda_writes_fargate_reads_and_the_reverse() -> None:
    weights = ("--lambda-weight", "100", "--fargate-weight", "0")
    with local_run(*weights) as run, run.client() as client:
        written = client.post("/items", json=ITEM)
        run.shift("fargate")
        read = client.get("/items/lamp")
        assert (written.status_code, written.headers[SIDE]) == (201, "lambda")
        assert (read.json(), read.headers[SIDE]) == (ITEM, "fargate")
        assert client.delete("/items/lamp").status_code == 204
        assert client.post("/items", json=ITEM | {"id": "chair"}).status_code == 201
        run.shift("lambda")
        assert client.get("/items").json()["items"] == [ITEM | {"id": "chair"}]
    assert not any("cursor_key" in line for line in run.out + run.err)


def test_an_endpoint_of_ones_own_has_the_table_and_keeps_it(moto: str) -> None:
    for statuses in ([201], [409]):
        with local_run("--data-endpoint", moto) as run, run.client() as client:
            assert [client.post("/items", json=ITEM).status_code] == statuses
    [table] = dynamodb(moto).list_tables()["TableNames"]
    assert table == "portable-api-test-ItemsTable"
    assert dynamodb(moto).scan(TableName=table)["Count"] == 1


def refusal(cwd: Path, *options: str) -> str:
    command = [PORTABLE, "run", "--port", "0", *options]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    sentence = done.stderr.splitlines()[-1]
    assert sentence.startswith("portable: ")
    return sentence


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("127.0.0.1:8000", "--data-endpoint is '127.0.0.1:8000', expected a URL"),
        ("http://127.0.0.1:9", "cannot make the table portable-api-test-ItemsTable"),
    ],
)
def test_an_endpoint_that_is_none(url: str, words: str) -> None:
    assert words in refusal(ROOT, "--data-endpoint", url)


def test_a_secret_without_what_the_app_needs_is_told_at_the_start(project: Path) -> None:
    template = project / "data/template.yaml"
    template.write_text(template.read_text().replace("GenerateStringKey: cursor_key", "Other: x"))
    sentence = refusal(project)
    assert "portable-api-test-AppSecret is not what the app needs: it is not JSON" in sentence


def test_a_resource_that_the_run_does_not_make_is_told(project: Path) -> None:
    template = project / "data/template.yaml"
    topic = "Resources:\n  Orders:\n    Type: AWS::SNS::Topic\n"
    template.write_text(template.read_text().replace("Resources:\n", topic, 1))
    with local_run(cwd=project) as run:
        told = "data/template.yaml: Orders is AWS::SNS::Topic, which the local run does not make."
        assert told in "\n".join(run.out + run.err)


def test_a_project_without_data_starts_without(project: Path) -> None:
    shutil.rmtree(project / "data")
    edit(project / "template.yaml", r" +(ITEMS_TABLE|APP_SECRET):\n.*\n")
    edit(project / "copilot/api/manifest.yml", r" +(ITEMS_TABLE|APP_SECRET):.*\n.*\n")
    with local_run(cwd=project) as run, run.client() as client:
        assert client.get("/").status_code == 200


def edit(path: Path, pattern: str) -> None:
    """Remove what matches `pattern`, which is there."""
    text, count = re.subn(pattern, "", path.read_text())
    assert count
    path.write_text(text)


def test_the_data_ends_with_a_run_that_is_killed() -> None:
    run = LocalRun()
    try:
        run.wait_until_up()
        started = run.descendants()
        [data] = [pid for pid in started if "portable.local.data" in command_line(pid)]
        run.process.kill()
        run.process.wait()
        for _ in range(100):
            if not Path(f"/proc/{data}").exists():
                break
            time.sleep(0.1)
        alive = Path(f"/proc/{data}").exists()
        for pid in started:  # its targets
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    finally:
        run.stop()
    assert not alive


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
