"""What a run was made on: figures of two machines are not to be compared, ratios are."""

import os
import platform
from importlib.metadata import version

PACKAGES = ("fastapi", "starlette", "pydantic", "mangum", "uvicorn", "awslambdaric")


def describe() -> dict[str, str]:
    """Return what there is to know of the machine, without its name."""
    return {
        "cores": str(os.cpu_count()),
        "architecture": platform.machine(),
        "Python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def load() -> float:
    """Return how many processes wanted a core over the last minute."""
    return os.getloadavg()[0]
