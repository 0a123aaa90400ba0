"""What a deployment would hand to CloudFormation, rendered by the real `copilot`, offline."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from portable.check.offline_aws import OfflineAws
from portable.check.project import Project
from portable.check.tools import run, tool
from portable.errors import PortableError
from portable.manifests.problem import Problem
from portable.manifests.reader import dump, read_yaml
from portable.manifests.template import Intrinsics

# What `portable image` prints, for a manifest whose image.location is ${IMAGE}.
IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/image@sha256:{'0' * 64}"


class NotRendered(PortableError):
    """Copilot refuses a manifest or a patch below `folder`; the message is its own."""

    def __init__(self, message: str, folder: str) -> None:
        super().__init__(message)
        self.folder = folder


def copilot_package(project: Project) -> Iterator[Problem]:
    """Yield what Copilot refuses; what it renders is then in the project's folder for it."""
    for environment in project.environments:
        try:
            where = (project.root, project.application, environment, project.services)
            render(*where, project.rendered)
        except NotRendered as error:
            text = f"copilot cannot render {environment}: {error.message}"
            yield Problem(text, _patch(project, error))
            for path in project.rendered.iterdir():
                if path.stat().st_size == 0:  # Copilot opens what it then does not write
                    path.unlink()


def _patch(project: Project, error: NotRendered) -> str:
    """Return which patch has to be mended, if it is one."""
    number = re.search(r"patch at index (\d+)", error.message)
    if number is None:
        return ""
    path = f"{error.folder}/overrides/cfn.patches.yml"
    place = read_yaml(project.root, path, Intrinsics)[int(number[1])]["path"]
    return f"{path}: the patch of {place} matches nothing in this version of Copilot: mend it."


def render(
    root: Path, application: str, environment: str, services: Iterable[str], directory: Path
) -> None:
    """Write to `directory` the templates of `environment` and of `services` in it.

    They are ENV.env.yml and SERVICE-ENV.stack.yml, each with its .params.json. Raises
    `NotRendered` with what Copilot says, and `PortableError` where there is no `copilot`.
    """
    binary = tool("copilot")
    names = list(services)
    with TemporaryDirectory() as home, OfflineAws(application, names, Path(home)) as aws:
        # Nothing of the user's: neither profiles nor Docker nor git are needed to render.
        variables = aws.variables | {"HOME": home, "PATH": "", "IMAGE": IMAGE}

        def package(folder: str, *arguments: str) -> None:
            given = ["--app", application, "--output-dir", str(directory)]
            done = run([binary, *arguments, *given], root, variables)
            if done.returncode:
                raise NotRendered(_message(done.stderr), folder)

        aws.initialised(environment)
        package("copilot/environments", "env", "package", "--name", environment)
        _deploy(aws, environment, directory)
        for name in names:
            where = ["--name", name, "--env", environment, "--tag", "unbuilt"]
            package(f"copilot/{name}", "svc", "package", *where)


def _deploy(aws: OfflineAws, environment: str, directory: Path) -> None:
    # Its version and parameters say which features the environment has, its manifest what is in it.
    metadata = read_yaml(directory, f"{environment}.env.yml", Intrinsics)["Metadata"]
    parameters = json.loads((directory / f"{environment}.env.params.json").read_text())
    aws.deployed(environment, dump(metadata), parameters["Parameters"])


def _message(stderr: str) -> str:
    """Return what Copilot writes about a failure as one line, without colours and marks."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", stderr)
    lines = [line.strip().removeprefix("✘").strip() for line in plain.splitlines()]
    text = " ".join(line for line in lines if line and not line.startswith(("Note:", "\u2139")))
    return text.rstrip(".") + "."
