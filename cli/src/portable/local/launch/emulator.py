"""The Lambda Runtime Interface Emulator."""

import platform
from importlib.util import find_spec
from pathlib import Path

from portable.errors import PortableError
from portable.local.processes import Output


def emulator() -> str:
    """Return the path of the Lambda Runtime Interface Emulator, which aws-sam-cli brings.

    Raises `PortableError` where aws-sam-cli is not installed.
    """
    machine = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    package = find_spec("samcli")
    for folder in package.submodule_search_locations or () if package else ():
        path = Path(folder, "local", "rapid", f"aws-lambda-rie-{machine}")
        if path.exists():
            return str(path)
    message = "the Lambda runtime emulator is missing, which is part of aws-sam-cli"
    raise PortableError(f"{message}: install it with `make install`.")


def without_invocation_lines(output: Output) -> Output:
    """Leave out the emulator's own lines on each invocation: the access log has them all."""

    def filtered(name: str, line: str) -> None:
        if not line.startswith(("START RequestId", "END RequestId", "REPORT RequestId")):
            output(name, line)

    return filtered
