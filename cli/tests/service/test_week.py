"""The first week with a service of one's own: what its owner adds, and each mistake on the way.

The tests are the days, one after the other, on one service.
"""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.service.conftest import DATA, Service, commit, copier, git, replace, run, running

RUN = (".venv/bin/portable", "run", "--port", "0")
SETTINGS = """
    greeting: str
    api_key: SecretStr
"""
NOTES = """
import logging
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Header, HTTPException, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from app.settings import Settings

logger = logging.getLogger(__name__)


class Note(BaseModel):
    text: str = Field(min_length=1)


def create_router(settings: Settings) -> APIRouter:
    def authorize(x_api_key: Annotated[str, Header()] = "") -> None:
        if x_api_key != settings.api_key.get_secret_value():
            raise HTTPException(401)

    router = APIRouter(dependencies=[Depends(authorize)])

    @router.post("/notes", status_code=201)
    async def create(note: Note, tasks: BackgroundTasks) -> Note:
        tasks.add_task(logger.info, "A note is there.")
        return note

    @router.post("/files")
    async def upload(file: UploadFile) -> int:
        return len(await file.read())

    @router.get("/stream/{side}")
    async def stream(side: str) -> StreamingResponse:
        return StreamingResponse(iter([settings.execution_environment]))

    return router
"""
TESTS = """
KEY = {"x-api-key": "of the tests"}


def test_a_note_is_validated(client):
    assert client.post("/notes", json={"text": "x"}, headers=KEY).status_code == 201
    assert client.post("/notes", json={"text": ""}, headers=KEY).status_code == 422
    assert client.post("/notes", json={"text": "x"}).status_code == 401


def test_a_file_arrives(client):
    assert client.post("/files", files={"file": b"x" * 9000}, headers=KEY).json() == 9000
"""
RULE = """
  Streams:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties:
      ListenerArn: !Ref HttpListener
      Priority: 10
      Conditions: [{Field: path-pattern, PathPatternConfig: {Values: [/stream/*]}}]
      Actions: [{Type: forward, TargetGroupArn: !Ref FargateTargetGroup}]

"""
DECLARED = "API_KEY: !Sub '{{resolve:secretsmanager:${AppName}/${EnvName}/key}}'"


@pytest.fixture(scope="module")
def shop(template: tuple[Path, str, str], tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A service of three answers, installed."""
    source, _, newest = template
    folder = tmp_path_factory.mktemp("week") / "shop"
    answers = DATA | {"name": "shop", "environments": "test,prod"}
    copier("copy", source, folder, cwd=folder.parent, **answers)
    git(folder, "init", "--quiet")
    commit(folder)
    service = Service(folder, folder, newest, newest)
    service.make("install")
    return service


def told(service: Service, *arguments: str, status: int = 1) -> str:
    """Return all that a command of `portable` says that ends with `status`."""
    portable = service.folder / ".venv/bin/portable"
    done = run(portable, *arguments, cwd=service.folder, status=status)
    assert "Traceback" not in done.stderr
    return " ".join((done.stdout + done.stderr).split())


def faults(service: Service, *options: str, status: int = 1) -> str:
    """Return what `portable check` finds."""
    portable = service.folder / ".venv/bin/portable"
    done = run(portable, "check", "--json", *options, cwd=service.folder, status=status)
    checks = json.loads(done.stdout)["checks"]
    found = [problem for check in checks for problem in check["problems"]]
    return "\n".join(each["text"] for each in found if each["severity"] == "fault")


def test_a_setting_that_nobody_gives_is_named(shop: Service) -> None:
    settings = shop.folder / "src/app/settings.py"
    settings.write_text(settings.read_text().rstrip() + "\n" + SETTINGS)
    replace(
        settings, "from portable_runtime", "from pydantic import SecretStr\n\nfrom portable_runtime"
    )
    text = told(shop, "run", "--port", "0")
    assert "GREETING is not set" in text
    assert "API_KEY is not set" in text


def test_a_variable_and_a_secret_on_one_side_only_are_faults(shop: Service) -> None:
    template = shop.folder / "template.yaml"
    replace(
        template,
        "LOG_LEVEL: INFO\n",
        f"LOG_LEVEL: INFO\n          GREETING: Hi\n          {DECLARED}\n",
    )
    found = faults(shop, "--env", "test")
    for name in ("GREETING", "API_KEY"):
        assert re.search(rf"template\.yaml.*{name}.*copilot/api/manifest\.yml", found), found


def test_a_secret_that_is_in_no_env_file_is_named(shop: Service) -> None:
    manifest = shop.folder / "copilot/api/manifest.yml"
    place = "${COPILOT_APPLICATION_NAME}/${COPILOT_ENVIRONMENT_NAME}/key"
    replace(manifest, "  LOG_LEVEL: INFO\n", "  LOG_LEVEL: INFO\n  GREETING: Hi\n")
    replace(
        manifest,
        "variables:\n",
        f"secrets:\n  API_KEY:\n    secretsmanager: {place}\nvariables:\n",
    )
    assert "API_KEY" in told(shop, "run", "--port", "0")
    (shop.folder / ".env").write_text("API_KEY=of the tests\n")
    assert ".env" not in git(shop.folder, "status", "--short").split()


def test_a_dependency_that_the_image_lacks_is_named(shop: Service) -> None:
    (shop.folder / "src/app/notes.py").write_text(NOTES)
    main = shop.folder / "src/app/main.py"
    replace(main, "from app.settings", "from app.notes import create_router\nfrom app.settings")
    replace(
        main,
        "    app.add_middleware(RequestLog)\n",
        "    app.add_middleware(RequestLog)\n"
        '    app.add_middleware(CORSMiddleware, allow_origins=["https://example.com"])\n'
        "    app.include_router(create_router(settings))\n",
    )
    replace(
        main,
        "from fastapi import FastAPI\n",
        "from fastapi import FastAPI\nfrom fastapi.middleware.cors import CORSMiddleware\n",
    )
    assert "python-multipart" in told(shop, "run", "--port", "0")
    replace(shop.folder / "pyproject.toml", '  "fastapi', '  "python-multipart",\n  "fastapi')
    shop.make("lock")
    shop.make("install")


def test_routes_authentication_uploads_and_a_rule_for_streams(shop: Service) -> None:
    replace(shop.folder / "alb/template.yaml", "Outputs:\n", f"{RULE.lstrip(chr(10))}Outputs:\n")
    key = {"x-api-key": "of the tests", "origin": "https://example.com"}
    said: list[str] = []
    with running(shop.folder, said, *RUN) as client:
        answers = [client.post("/notes", json={"text": "x"}, headers=key) for _ in range(20)]
        assert {answer.status_code for answer in answers} == {201}
        allowed = {answer.headers["access-control-allow-origin"] for answer in answers}
        assert allowed == {"https://example.com"}
        assert {client.get("/stream/x", headers=key).text for _ in range(20)} == {"ecs"}
        outcome = told(shop, "split", str(client.base_url).rstrip("/"), "-n", "60", status=0)
    assert "The split fits the weights" in outcome


def test_the_tests_of_the_service_run_on_both_sides(shop: Service) -> None:
    (shop.folder / "tests/test_notes.py").write_text(TESTS)
    said = shop.make("test", "ARGS=tests/test_notes.py")
    assert re.search(r"\b4 passed\b", said), said


def test_parity_needs_the_key(shop: Service) -> None:
    options = ("parity", "--examples", "2", "--exclude", "GET /", "--exclude", "GET /stream/{side}")
    assert "401" in told(shop, *options)
    said = told(shop, *options, "--header", "X-API-Key: of the tests", status=0)
    assert "0 differences" in said


def test_a_third_environment_and_other_processors(shop: Service) -> None:
    shop.portable("env", "add", "load", "--like", "prod")
    replace(shop.folder / "template.yaml", "Architectures: [x86_64]", "Architectures: [arm64]")
    assert "arm64" in faults(shop, "--env", "load")
    replace(
        shop.folder / "copilot/api/manifest.yml", "platform: linux/x86_64", "platform: linux/arm64"
    )
    assert faults(shop, "--env", "test", status=0) == ""
    # What the others need is a certificate, which nobody has in the first week.
    assert set(re.findall(r"\[alb-(\w+)\S* ", faults(shop))) == {"load", "prod"}


def test_an_app_without_its_health_check_is_told(shop: Service) -> None:
    replace(shop.folder / "template.yaml", "Architectures: [arm64]", "Architectures: [x86_64]")
    replace(
        shop.folder / "copilot/api/manifest.yml", "platform: linux/arm64", "platform: linux/x86_64"
    )
    replace(shop.folder / "src/app/main.py", '@app.get("/healthz"', '@app.get("/health"')
    said: list[str] = []
    with running(shop.folder, said, *RUN) as client:
        assert client.get("/health").status_code == 200
    (warning,) = [line for line in said if "fails its health check" in line and "fargate" in line]
    assert "Give the app a route GET /healthz." in warning


def test_a_broken_import_is_told_with_file_and_line(shop: Service) -> None:
    main = shop.folder / "src/app/main.py"
    replace(main, '@app.get("/health"', '@app.get("/healthz"')
    replace(main, "import logging\n", "import logging\nimport nothing_like_it\n")
    text = told(shop, "run", "--port", "0")
    assert "nothing_like_it" in text
    assert re.search(r"app/main\.py\W+(line )?\d+", text), text
    replace(main, "import nothing_like_it\n", "")


def test_more_processes_than_one_are_told(shop: Service) -> None:
    manifest = shop.folder / "copilot/api/manifest.yml"
    ours = '"-m", "portable_runtime.server"'
    other = '"-m", "uvicorn", "app.main:app", "--port", "8081", "--workers", "2"'
    replace(manifest, ours, other)
    text = told(shop, "run", "--port", "0")
    assert "command has --workers" in text and "PORT" in text
    replace(manifest, other, ours)


def test_names_that_disagree_are_faults(shop: Service) -> None:
    replace(shop.folder / "copilot/.workspace", "application: shop", "application: shoe")
    replace(shop.folder / "copilot/environments/load/manifest.yml", "name: load", "name: test")
    found = faults(shop, "--env", "load")
    assert "'shoe'" in found and "copilot/environments/load/manifest.yml" in found
    replace(shop.folder / "copilot/.workspace", "application: shoe", "application: shop")
    replace(shop.folder / "copilot/environments/load/manifest.yml", "name: test", "name: load")


def test_a_reader_that_goes_away_ends_the_run(shop: Service) -> None:
    command = f"{shop.folder}/.venv/bin/portable run --port 0 2>&1 | head -n 3"
    run("bash", "-c", command, cwd=shop.folder)
    left = subprocess.run(["pgrep", "-f", str(shop.folder)], capture_output=True, text=True)
    assert left.stdout == ""


def test_a_shift_that_nobody_sees_is_no_success(shop: Service) -> None:
    said: list[str] = []
    with running(shop.folder, said, *RUN) as client:
        local = ("shift", "--local", "--port", str(client.base_url.port), "--to", "fargate")
        text = told(shop, *local, "--steps", "100", "--bake", "1s")
    assert "--min-requests" in text
