"""What the image has, on this machine: its packages, its code, its Python."""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from portable.errors import PortableError
from portable.local.launch.image_environment import LOCK, image_environment

PASSED_ON = ("HOME", "LANG", "PATH", "SSL_CERT_FILE", "TMPDIR", "TZ")
# Where the image has commands; what pip installs has none there.
COMMANDS = os.pathsep.join(("/usr/local/bin", "/usr/bin", "/bin"))


class HostImage:
    """`src`, and the packages of requirements.txt: what processes see that stand for the image's.

    With `app`, a path `module:attribute`, they see the folder and the packages of this process
    instead. `folder` is where they start, `environment` are the variables that they need.
    """

    def __init__(self, root: Path, app: str | None, notify: Callable[[str], None]) -> None:
        # The image starts in the folder of its code, which therefore is on Python's path. An app
        # that is named is found from here, with the packages that are installed here.
        self.folder = Path.cwd() if app else root / "src"
        packages = Path(sys.prefix) if app else image_environment(root, notify)
        self.python = sys.executable if app else str(packages / "bin" / "python")
        if app:
            self.hint = f"It is looked for in {self.folder} and next to this command."
        else:
            self.hint = f"The targets have src and {LOCK} alone, as the image has."
        python_path = [str(root / "src"), *([str(Path.cwd()), str(root)] if app else [])]
        self.environment = {
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
            "PATH": os.pathsep.join((str(packages / "bin"), os.environ.get("PATH", os.defpath))),
            "PYTHONPATH": os.pathsep.join(python_path),
            "PYTHONUNBUFFERED": "1",
        }

    def line(self, command: Sequence[str]) -> list[str]:
        """Return `command` with the interpreter of this machine in the place of the image's.

        Raises `PortableError` for a command that the image does not have.
        """
        name, *words = command
        if is_python(name):
            return [self.python, *words]
        if "/" not in name and shutil.which(name, path=COMMANDS) is None:
            text = f"the image has no command {name!r}: what a package brings is run as"
            raise PortableError(f"{text} `python -m {name}`.")
        return [name, *words]


def is_python(name: str) -> bool:
    """Return whether a command is an interpreter of Python, by its name or path."""
    return Path(name).name.startswith("python")
