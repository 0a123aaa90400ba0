"""Docker, with which both images are built."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from portable.check.tools import run
from portable.manifests.problem import Problem, Severity


def docker(severity: Severity) -> Iterator[Problem]:
    """Yield why no image can be built; no engine is of this severity."""
    client = shutil.which("docker")
    if client is None:
        text = "There is no `docker`, which `sam build` and `copilot svc deploy` need."
        yield Problem(text, "Install Docker.", severity)
        return
    command = [client, "version", "--format", "{{.Server.Version}}"]
    engine = run(command, Path.cwd(), os.environ)
    if engine.returncode:
        reason = engine.stderr.strip().rpartition("\n")[2].rstrip(".")
        yield Problem(f"Docker's engine does not answer: {reason}.", "Start it.", severity)
    # With CI=true Copilot gives `docker build` the option --progress, which only BuildKit has.
    if (
        os.environ.get("CI") == "true"
        and run([client, "buildx", "version"], Path.cwd(), os.environ).returncode
    ):
        text = "CI is 'true' and `docker` has no buildx: `copilot svc deploy` then fails with exit "
        text += "status 125, unknown flag: --progress."
        yield Problem(text, "Install docker-buildx, or unset CI.")
