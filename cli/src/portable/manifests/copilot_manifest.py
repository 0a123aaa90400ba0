"""The manifest of Copilot's service as it is in one environment.

https://aws.github.io/copilot-cli/docs/manifest/backend-service/#environments
"""

from pathlib import Path
from typing import Any

from portable.errors import PortableError
from portable.manifests.reader import read_yaml

BESIDES = ("Worker Service", "Scheduled Job")  # workloads that no load balancer reaches


def services(root: Path) -> list[str]:
    """Return the manifests below `root` of services that may be behind the load balancer."""
    paths = sorted(path.relative_to(root) for path in root.glob("copilot/*/manifest.yml"))
    found = {path.as_posix(): read_yaml(root, path.as_posix()) for path in paths}
    return [
        path
        for path, manifest in found.items()
        if not isinstance(manifest, dict) or manifest.get("type") not in BESIDES
    ]


def service_manifest(root: Path, path: str, environment: str) -> dict[str, Any]:
    """Return the manifest at `path` below `root`, with what `environment` has otherwise.

    Raises `PortableError` for a file that is no manifest.
    """
    manifest = read_yaml(root, path)
    if not isinstance(manifest, dict):
        raise PortableError(f"{path} is empty, expected a Copilot manifest.")
    overrides = (manifest.pop("environments", None) or {}).get(environment) or {}
    return _merged(manifest, overrides)


def _merged(values: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """Return `values` with an environment's `overrides`, as Copilot merges them: key by key."""
    merged = dict(values)
    for key, value in overrides.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merged(merged[key], value)
        elif value is not None:
            merged[key] = value
    return merged
