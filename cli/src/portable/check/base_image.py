"""The images that are about to be deployed are not built on a stand-in of the base image.

.ci/base-image makes one for tests where the official image cannot be had, and labels it; whatever
is built on it inherits the label.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from portable.check.project import Project
from portable.check.tools import run
from portable.manifests.copilot_manifest import service_manifest
from portable.manifests.problem import Problem
from portable.manifests.system import SAM

ARGUMENT, LABEL = "PYTHON_IMAGE", "stand-in"
# Set to `allowed` where what is deployed goes to no real account, as in the rehearsal.
VARIABLE = "PORTABLE_STAND_IN"


def base_image(project: Project) -> Iterator[Problem]:
    """Yield each image with the label: what is built on, and what `sam build` has built."""
    if os.environ.get(VARIABLE) == "allowed" or not shutil.which("docker"):
        return
    found = dict(_bases(project))
    fix = f"Build on the official image: take its name out of {ARGUMENT}, or `docker pull` it."
    for image, where in found.items():
        if _is_stand_in(image):
            text = f"{where}: {image} is a stand-in of the base image, for tests only."
            yield Problem(text, fix)
    for image in _built(project):
        if _is_stand_in(image) and not any(map(_is_stand_in, found)):
            text = f"{image}, which `sam deploy` would push, is built on a stand-in of the base"
            yield Problem(f"{text} image, for tests only.", "Give `sam build`.")


def _bases(project: Project) -> Iterator[tuple[str, str]]:
    """Yield the base images of both sides, each with where it is named."""
    for name, resource in project.template(SAM)["Resources"].items():
        metadata = resource.get("Metadata", {})
        if "Dockerfile" in metadata:
            where = f"{SAM}: {name}.Metadata.DockerBuildArgs"
            dockerfile = Path(metadata.get("DockerContext", "."), metadata["Dockerfile"])
            yield from _base(project, metadata.get("DockerBuildArgs"), where, dockerfile)
    for service in project.services:
        path = f"copilot/{service}/manifest.yml"
        for environment in project.environments:
            image = service_manifest(project.root, path, environment).get("image")
            build = image.get("build") if isinstance(image, dict) else None
            if isinstance(build, dict):
                where, dockerfile = (
                    f"{path}: image.build.args",
                    build.get("dockerfile", "Dockerfile"),
                )
                yield from _base(project, build.get("args"), where, Path(str(dockerfile)))
            elif isinstance(build, str):
                yield from _base(project, None, path, Path(build))


def _base(project: Project, given: Any, where: str, dockerfile: Path) -> Iterator[tuple[str, str]]:
    if isinstance(given, dict) and ARGUMENT in given:
        yield str(given[ARGUMENT]), f"{where}.{ARGUMENT}"
        return
    path = project.root / dockerfile
    text = path.read_text() if path.is_file() else ""
    for name in re.findall(rf"^ARG {ARGUMENT}=(\S+)", text, re.MULTILINE):
        yield str(name), f"{dockerfile}: ARG {ARGUMENT}"


def _built(project: Project) -> Iterator[str]:
    """Yield the images of the last `sam build` here, by the names that it gives them."""
    path = project.root / ".aws-sam/build/template.yaml"
    text = path.read_text() if path.is_file() else ""
    yield from re.findall(r"^ *ImageUri: (\S+)$", text, re.MULTILINE)


def _is_stand_in(image: str) -> bool:
    """Say whether an image on this machine has the label; one that is not here has none."""
    label = f'{{{{index .Config.Labels "{LABEL}"}}}}'
    command = ["docker", "image", "inspect", "--format", label, image]
    done: subprocess.CompletedProcess[str] = run(command, Path.cwd(), os.environ)
    return done.returncode == 0 and bool(done.stdout.strip())
