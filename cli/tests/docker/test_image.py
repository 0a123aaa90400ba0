"""The image: what is in it, and that it runs as on Fargate."""

import json
import re
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

from portable.manifests.agreement import TEMPORARY
from tests.docker.base_image import project

ROOT = Path(__file__).parents[3]
MANIFEST = yaml.safe_load((ROOT / "copilot/api/manifest.yml").read_text())


def answer(url: str) -> str:
    """Return the body at `url`, asked for until the server in the container listens."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return response.read().decode()
        except urllib.error.HTTPError:
            raise
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def as_on_fargate() -> list[str]:
    """The arguments of `docker run` for what the Copilot manifest asks of ECS."""
    arguments = [
        "--read-only",
        "--volume",
        TEMPORARY,
        "--publish",
        f"127.0.0.1::{MANIFEST['image']['port']}",
    ]
    for name, value in MANIFEST["variables"].items():
        if not isinstance(value, dict):  # what is imported is the table: test_run_docker.py has one
            arguments += ["--env", f"{name}={value}"]
    return arguments


def layers(run, image):
    return json.loads(run("docker", "inspect", "-f", "{{json .RootFS.Layers}}", image).stdout)


@pytest.fixture(scope="module")
def changed_image(buildkit, buildkit_image, run, tmp_path_factory):
    """Built from a checkout that only its owner can read, with one line more in the app."""
    context = project(tmp_path_factory.mktemp("checkout"))
    source = context / "src"
    with (source / "app/main.py").open("a") as app:
        app.write("# changed\n")
    for path in [source, *source.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    tag = buildkit(context, "portable-api-test:changed")
    yield tag
    run("docker", "rmi", tag)


def test_serves_as_on_fargate_with_a_read_only_root(image, run, start):
    container = start(*as_on_fargate(), image, *MANIFEST["command"])
    address = run("docker", "port", container, f"{MANIFEST['image']['port']}/tcp").stdout.strip()

    assert answer(f"http://{address}/healthz") == '"ok"'
    assert answer(f"http://{address}/") == '"Hello from ecs"'
    kind, *check = MANIFEST["image"]["healthcheck"]["command"]
    assert kind == "CMD"
    run("docker", "exec", container, *check)


def test_health_check_of_the_container_fails_when_nothing_listens(image, run, start):
    container = start("--entrypoint", "sleep", image, "60")

    _, *check = MANIFEST["image"]["healthcheck"]["command"]
    assert run("docker", "exec", container, *check, check=False).returncode == 1


def test_stop_ends_it_gracefully(image, run, start):
    container = start(*as_on_fargate(), image)
    address = run("docker", "port", container, "8080/tcp").stdout.strip()
    answer(f"http://{address}/healthz")

    run("docker", "stop", container)

    # 137 would be a kill after the grace period: the server never got the SIGTERM.
    assert run("docker", "inspect", "-f", "{{.State.ExitCode}}", container).stdout == "0\n"
    assert "Application stopped." in run("docker", "logs", container).stdout


def test_missing_variable_stops_it_with_one_sentence(image, run):
    result = run("docker", "run", "--rm", image, check=False)

    assert result.returncode == 1
    assert result.stderr.startswith("EXECUTION_ENVIRONMENT is not set")
    assert result.stderr.count("\n") == 1


def test_command_is_the_one_of_the_copilot_manifest(image, run):
    config = json.loads(run("docker", "inspect", "-f", "{{json .Config}}", image).stdout)

    assert config["Cmd"] == MANIFEST["command"]
    assert not config.get("Entrypoint")  # SAM and Copilot name the whole command
    assert config["User"] == "10001:10001"
    assert list(config["ExposedPorts"]) == [f"{MANIFEST['image']['port']}/tcp"]


def test_runs_as_a_user_that_cannot_change_the_app(image, in_image):
    code = """
import json, os
writable = [path for path, _, _ in os.walk("/app") if os.access(path, os.W_OK)]
print(json.dumps([os.getuid(), os.getgid(), writable]))
"""
    assert in_image(image, code) == [10001, 10001, []]


def test_an_upload_over_1_mb_has_a_place_with_a_read_only_root(image, in_image, run):
    """What Starlette does with one. On Fargate the folder is root's unless the image names it."""
    code = """
import json, os, tempfile
with tempfile.SpooledTemporaryFile(max_size=1024 * 1024) as upload:
    upload.write(bytes(2 * 1024 * 1024))
    upload.seek(0)
    size = len(upload.read())
try:
    open("/app/file", "w")
except OSError as error:
    refused = error.strerror
print(json.dumps([size, tempfile.gettempdir(), refused]))
"""
    volumes = MANIFEST["storage"]["volumes"].values()
    assert {volume["path"] for volume in volumes if not volume["read_only"]} == {TEMPORARY}
    config = json.loads(run("docker", "inspect", "-f", "{{json .Config}}", image).stdout)
    assert config["Volumes"] == {TEMPORARY: {}}
    assert in_image(image, code) == [2 * 1024 * 1024, TEMPORARY, "Read-only file system"]


def test_has_no_build_tool(image, in_image):
    code = """
import json, shutil
tools = ["gcc", "cc", "g++", "ld", "make", "uv", "uvx", "git", "cargo"]
print(json.dumps([tool for tool in tools if shutil.which(tool)]))
"""
    assert in_image(image, code) == []


def test_has_what_the_lock_names_and_nothing_else(image, in_image):
    code = """
import importlib.metadata, json
found = importlib.metadata.distributions(path=["/app"])
print(json.dumps({each.name.lower().replace("_", "-"): each.version for each in found}))
"""
    lock = (ROOT / "requirements.txt").read_text()
    locked = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", lock, flags=re.MULTILINE))

    installed = in_image(image, code)

    assert isinstance(installed, dict)
    assert installed.items() <= locked.items()
    assert {"awslambdaric", "fastapi", "mangum", "uvicorn"} <= installed.keys()


def test_has_what_is_in_src_and_nothing_of_the_command_line(image, in_image):
    code = """
import json, os
print(json.dumps([name for name in os.listdir("/app") if name.startswith(("app", "portable"))]))
"""
    found = in_image(image, code)
    assert isinstance(found, list)
    assert sorted(found) == ["app", "portable_runtime"]


def test_has_trusted_bytecode_for_every_module(image, in_image):
    """Flag 1 alone: hash-based and not checked against the source at import (PEP 552)."""
    code = """
import importlib.util as u, json, pathlib
bad = []
for source in map(str, pathlib.Path("/app").rglob("*.py")):
    cached = pathlib.Path(u.cache_from_source(source))
    if not cached.exists() or cached.read_bytes()[4:8] != bytes([1, 0, 0, 0]):
        bad.append(source)
print(json.dumps(bad))
"""
    assert in_image(image, code) == []


def test_both_builders_make_the_same_app(image, buildkit_image, in_image):
    code = """
import hashlib, json, pathlib
found = {}
for path in filter(pathlib.Path.is_file, pathlib.Path("/app").rglob("*")):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    found[str(path)] = [path.stat().st_mode, digest]
print(json.dumps(found))
"""
    assert in_image(image, code) == in_image(buildkit_image, code)


def test_code_change_makes_only_the_last_layer_anew(buildkit_image, changed_image, run):
    *dependencies, code = layers(run, buildkit_image)
    *same, other = layers(run, changed_image)

    assert same == dependencies
    assert other != code


def test_imports_under_any_user_also_from_a_private_checkout(changed_image, run):
    """Lambda does not run an image under the user that the image names."""
    options = ["--rm", "--read-only", "--user", "993:990", "--env", "EXECUTION_ENVIRONMENT=lambda"]
    imports = "import portable_runtime.server, portable_runtime.lambda_handler"
    run("docker", "run", *options, changed_image, "/usr/local/bin/python", "-c", imports)
