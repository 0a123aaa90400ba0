"""Images that are built of the project and of the tutorial form, on one base."""

import contextlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.lambda_forms import ROOT

TUTORIAL = ROOT / "cli/benchmarks/tutorial"


class BuildFailed(Exception):
    """Docker did not do what it was asked for."""


@dataclass
class Image:
    """An image that is built from a copy of its files: what is built anew is changed there.

    `code` is the file of the app, from `folder`.
    """

    name: str
    tag: str
    folder: Path
    code: str
    builds: int = field(default=0, init=False)

    def build(self) -> None:
        """Build the image; raise `BuildFailed`."""
        before = docker("images", "--quiet", self.tag).strip()
        argument = ("--build-arg", f"PYTHON_IMAGE={base()}")
        docker("build", "--quiet", *argument, "--tag", self.tag, str(self.folder))
        if before and before != docker("images", "--quiet", self.tag).strip():
            with contextlib.suppress(BuildFailed):  # something else is built on it: it stays
                docker("rmi", "--no-prune", before)

    def change_code(self) -> None:
        """Add a line to the app."""
        self.builds += 1
        with (self.folder / self.code).open("a") as file:
            file.write(f"# changed for the {self.builds}. time\n")

    def inspect(self) -> tuple[int, list[str]]:
        """Return the size in bytes and the layers, the lowest first."""
        found = json.loads(docker("image", "inspect", self.tag))[0]
        return found["Size"], found["RootFS"]["Layers"]

    def remove(self) -> None:
        """Remove the image; what it is made of stays in the engine's cache."""
        docker("rmi", "--no-prune", self.tag)


def base() -> str:
    """Return the name of the base image: what PYTHON_IMAGE names, else the project's own."""
    text = (ROOT / "Dockerfile").read_text()
    [name] = re.findall(r"^ARG PYTHON_IMAGE=(.+)$", text, re.MULTILINE)
    return os.environ.get("PYTHON_IMAGE") or name


def images(folder: Path) -> list[Image]:
    """Copy what is built into `folder`; return the base image and the three that are compared."""
    (folder / "base").mkdir(parents=True)
    (folder / "base/Dockerfile").write_text(f"FROM {base()}\n")
    ours = folder / "ours"
    ours.mkdir()
    for name in ("Dockerfile", ".dockerignore", "requirements.txt", "strip.py"):
        shutil.copy(ROOT / name, ours)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", ours / "src", ignore=ignored)
    for side in ("server", "lambda"):
        shutil.copytree(TUTORIAL, folder / side, ignore=ignored)
        dockerfile = (TUTORIAL / f"{side}.Dockerfile").read_text()
        (folder / side / "Dockerfile").write_text(on_base(dockerfile, base()))
    return [
        Image("base image", "portable-bench:base", folder / "base", "Dockerfile"),
        Image("tutorial form, Lambda", "portable-bench:lambda", folder / "lambda", "main.py"),
        Image("tutorial form, server", "portable-bench:server", folder / "server", "main.py"),
        Image("ours", "portable-bench:ours", ours, "src/app/main.py"),
    ]


def on_base(dockerfile: str, image: str) -> str:
    """Return `dockerfile` on the base `image`.

    AWS's base image for Lambda has the runtime client and names the folder of the function.
    """
    task_root = "\nENV LAMBDA_TASK_ROOT=/var/task\nWORKDIR /var/task"
    added = task_root if "${LAMBDA_TASK_ROOT}" in dockerfile else ""
    return re.sub(r"^FROM .+$", f"FROM {image}{added}", dockerfile, count=1, flags=re.MULTILINE)


def docker(*arguments: str) -> str:
    """Return what the docker client writes; raise `BuildFailed` with its last line."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=900)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it wrote nothing"])[-1]
        raise BuildFailed(f"docker {arguments[0]}: {last}")
    return done.stdout


def missing() -> str:
    """Return a sentence where there is no Docker engine, or no base image."""
    if not shutil.which("docker"):
        return "it needs a Docker engine, and there is no docker command."
    try:
        docker("version")
    except BuildFailed:
        return "it needs a Docker engine, and none answers."
    try:
        docker("image", "inspect", base())
    except BuildFailed:
        return f"it needs the base image (docker pull {base()})."
    return ""
