"""Which image ours are built on: what PYTHON_IMAGE names, else the Dockerfile's own.

.ci/run sets the variable to a stand-in where the official image cannot be had; each build gets it
as the build argument of that name.
"""

import os
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[3]
FILES = (
    *("template.yaml", "samconfig.toml", "pyproject.toml"),
    *("Dockerfile", ".dockerignore", "requirements.txt", "strip.py"),
)
ARGUMENT = "PYTHON_IMAGE"
MARKS = {  # a line of each manifest, after which the argument stands
    "template.yaml": ("      DockerContext: .\n", "      DockerBuildArgs: {{{}: {}}}\n"),
    "copilot/*/manifest.yml": ("    context: .\n", "    args: {{{}: {}}}\n"),
}


def official() -> str:
    """Return the Dockerfile's own."""
    text = (ROOT / "Dockerfile").read_text()
    [name] = re.findall(rf"^ARG {ARGUMENT}=(.+)$", text, re.MULTILINE)
    return str(name)


def chosen() -> str:
    """Return the image to build on."""
    return os.environ.get(ARGUMENT) or official()


def pass_on(folder: Path, image: str | None = None) -> Path:
    """Let `sam` and `copilot` build what is in `folder` on `image`, or else on the chosen one."""
    image = image or chosen()
    if image != official():
        for pattern, (mark, line) in MARKS.items():
            for path in folder.glob(pattern):
                text = path.read_text()
                if ARGUMENT not in text:
                    assert text.count(mark) == 1, f"{path} has {mark!r} {text.count(mark)} times"
                    path.write_text(text.replace(mark, mark + line.format(ARGUMENT, image)))
    return folder


def project(folder: Path, image: str | None = None) -> Path:
    """Copy into `folder` what `sam` and `copilot` read, and `pass_on` the image."""
    for name in FILES:
        shutil.copy2(ROOT / name, folder)
    for name in ("alb", "copilot", "data", "src"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    return pass_on(folder, image)
