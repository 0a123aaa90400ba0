"""The commands that deploy: where they are, and how they are run."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from portable.errors import PortableError

LONGEST = 120  # seconds for one command


def tool(name: str) -> str:
    """Return the path of a command: beside this Python, else on the PATH."""
    beside_python = str(Path(sys.executable).parent)
    found = shutil.which(name, path=beside_python) or shutil.which(name)
    if found is None:
        raise PortableError(f"there is no command {name!r}, which a deployment needs.")
    return found


def run(
    command: list[str], folder: Path, variables: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with no input and these environment variables."""
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONGEST,
        )
    except subprocess.TimeoutExpired:
        text = f"{' '.join(command[:3])} gives no answer in {LONGEST} seconds."
        raise PortableError(text) from None
