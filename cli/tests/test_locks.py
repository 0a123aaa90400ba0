"""The locks: that of the image is nobody else's, and the code in it is tested with its versions."""

import os
import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from portable.local.launch.image_environment import image_environment

ROOT = Path(__file__).parents[2]
# Those of the runtime's tests that import the app or its settings in their own process.
RUNTIME = ("app_loader", "settings", "target_settings", "lambda_app", "lambda_handler", "mangum")


def locked(path: str) -> dict[str, str]:
    """Return the version of each package of a lock."""
    text = (ROOT / path).read_text()
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))


def test_only_what_a_tool_refuses_has_another_version_than_in_the_image():
    """`sam` holds some back; all else that is tested in .venv is what the image has."""
    image = locked("requirements.txt")
    asked = [
        Requirement(line)
        for found in distributions()
        for line in found.metadata.get_all("Requires-Dist", [])
    ]
    for lock in ("requirements-dev.txt", "cli/requirements-dev.txt"):
        for name, version in locked(lock).items():
            other = image.get(name, version)
            if other != version:
                against = [
                    each
                    for each in asked
                    if canonicalize_name(each.name) == name and other not in each.specifier
                ]
                assert against, (
                    f"{lock} has {name} {version}, requirements.txt {other}: `make lock`"
                )


def test_no_tool_constrains_what_is_in_the_image():
    lock = (ROOT / "requirements.txt").read_text()
    assert "# via" in lock
    assert not re.search(r"^ +#( via)? +-c ", lock, re.MULTILINE)


def test_the_runtime_works_with_the_versions_of_the_image():
    environment = image_environment(ROOT, print)
    [packages] = environment.glob("lib/python3*/site-packages")
    tests = [f"tests/runtime/test_{name}.py" for name in RUNTIME]
    # Before those of .venv, where pytest is.
    code = "import pydantic; print(pydantic.VERSION)"
    variables = {**os.environ, "PYTHONPATH": str(packages)}
    options = {"cwd": ROOT / "cli", "env": variables, "capture_output": True, "text": True}
    shown = subprocess.run([sys.executable, "-c", code], check=True, **options)
    assert shown.stdout.strip() == locked("requirements.txt")["pydantic"]
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-x", *tests], **options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ passed", done.stdout, re.MULTILINE)
