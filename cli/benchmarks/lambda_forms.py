"""The handlers that are compared, each as a command of the Lambda runtime client."""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "cli/benchmarks/tutorial", ROOT / "cli/benchmarks/forms", ROOT / "src"]
# Handlers run with what the image has and nothing else: to find more packages takes time, and
# FastAPI imports some that it can do without. The tests have no such environment.
IMAGE_PYTHON = ROOT / "cli/benchmarks/.venv/lambda/bin/python"
PYTHON = str(IMAGE_PYTHON) if IMAGE_PYTHON.exists() else sys.executable
# What the image sets for this project's code: `ENV NAME=VALUE NAME=VALUE` in its Dockerfile.
IMAGE_ENVIRONMENT = dict(
    pair.split("=", 1)
    for line in (ROOT / "Dockerfile").read_text().splitlines()
    if line.startswith("ENV ")
    for pair in line.split()[1:]
)
EVENT = (ROOT / "tests/events/alb-get.json").read_bytes()


@dataclass(frozen=True)
class Form:
    """A handler: its name in the tables, the command line after `python`, its own variables."""

    name: str
    arguments: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=dict)
    python: str = PYTHON

    @property
    def command(self) -> list[str]:
        """The whole command line."""
        return [self.python, *self.arguments]

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the process: what Lambda sets, and the form's own."""
        passed_on = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
        return {
            **passed_on,
            "PYTHONPATH": os.pathsep.join(map(str, FOLDERS)),
            # As in an AWS base image; the client knows its way from 3.12 on.
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python3.{max(sys.version_info.minor, 12)}",
            "AWS_LAMBDA_FUNCTION_NAME": "function",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "30",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            **self.variables,
        }


def stock(name: str, handler: str, **variables: str) -> Form:
    """Return a form that AWS's own runtime client runs."""
    return Form(name, ("-m", "awslambdaric", handler), variables)


def ours(name: str, app: str, **variables: str) -> Form:
    """Return the app at `app` as this project runs it."""
    arguments = ("-m", "portable_runtime.lambda_runtime", "portable_runtime.lambda_handler.handler")
    own = {**IMAGE_ENVIRONMENT, "EXECUTION_ENVIRONMENT": "lambda", "ASGI_APP": app}
    return Form(name, arguments, own | variables)


CONSTANT = stock("constant handler", "constant.handler")
# What is left of the floor with this project's changes to the runtime client.
OUR_CLIENT = Form(
    "constant handler, our client", ("-m", "portable_runtime.lambda_runtime", "constant.handler")
)
ONLY_FASTAPI = stock("import fastapi", "only_fastapi.handler")
TUTORIAL = stock("tutorial form", "main.handler")
OURS = ours("ours", "main:app")
# With a request log, a typed response and a health check, which the tutorial form lacks.
PROJECT = ours("ours, the project's app", "app.main:app")


def event(path: str = "/") -> bytes:
    """Return an ALB event for a GET of `path`, as JSON."""
    return json.dumps(json.loads(EVENT) | {"path": path}).encode()
