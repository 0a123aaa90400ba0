"""What a task of the service is given: time to end, and folders to write to."""

from pathlib import Path
from typing import Any

from portable.errors import PortableError
from portable.manifests.reader import Reader, read_yaml
from portable.manifests.template import Intrinsics


def writable(volumes: Any) -> frozenset[str]:
    """Return the paths of the volumes that are not for reading only, which is the default."""
    found = volumes.values() if isinstance(volumes, dict) else ()
    mounted = [each for each in found if isinstance(each, dict) and "path" in each]
    return frozenset(str(each["path"]) for each in mounted if each.get("read_only") is False)


def stop_timeout(root: Path, path: str) -> int:
    """Return what the patches at `path` add as StopTimeout, or else the default of ECS.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#container_definition_timeouts
    """
    patches = read_yaml(root, path, Intrinsics) if (root / path).exists() else None
    if not isinstance(patches, list | None):
        raise PortableError(f"{path} is no list, expected the patches of Copilot's template.")
    found: Any = 30
    for patch in patches or ():
        added = isinstance(patch, dict) and patch.get("op") in ("add", "replace")
        if added and str(patch.get("path")).endswith("/StopTimeout"):
            found = patch.get("value")
    return Reader(path, "", {}).whole(found, "StopTimeout")
