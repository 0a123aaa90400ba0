"""What differs between the two sides on purpose: the one list, and what a service adds to it.

A service marks its own in pyproject.toml, a variable, a secret, an action or a policy each by its
name; `*` in an action or a policy stands for anything:
    [tool.portable]
    different = ["NAME", "s3:*"]
"""

import os
import re
import tomllib
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from portable.errors import PortableError
from portable.manifests.problem import Problem, Severity

PROJECT = "pyproject.toml"
MARK = "[tool.portable] different"

VARIABLES = {
    "EXECUTION_ENVIRONMENT": "names the side",
    "FORWARDED_ALLOW_IPS": "Lambda takes the client's address from the event",
    "GRACEFUL_SHUTDOWN_SECONDS": "a sandbox has no requests in flight when it ends",
    "HOST": "Lambda has no server",
    "KEEP_ALIVE_SECONDS": "Lambda has no connections",
    "LIMIT_CONCURRENCY": "a sandbox has one request at a time",
    "ON_EVENT": "a task gets no events",
    "PORT": "Lambda has no server",
}
RIGHTS = {
    "logs:*": "Lambda writes its lines with the function's role, ECS with the execution role",
    "ec2:*NetworkInterface*": "a function in a VPC makes its own, ECS makes those of a task",
    "ec2:*PrivateIpAddresses": "of the same network interfaces",
    "ec2:DescribeSubnets": "of the same network interfaces",
    "ssmmessages:*": "ECS Exec, a shell in a task",
    "xray:*": "Lambda sends its traces with the function's role",
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole": "logs, as SAM allows them",
    "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole": "both of the above",
    "arn:aws:iam::aws:policy/AWSX?ay*": "traces, as SAM allows them",
    "Deny iam:*": "Copilot denies it to every task",
}


def marked(root: Path) -> frozenset[str]:
    """Return the names in `[tool.portable] different` of pyproject.toml, none without one.

    Raises `PortableError` for a file or a value of another form.
    """
    path = root / PROJECT
    name = os.path.relpath(path)
    try:
        config = tomllib.loads(path.read_text()) if path.exists() else {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PortableError(f"cannot read {name}: {error}.") from None
    tool = config.get("tool", {})
    names = tool.get("portable", {}).get("different", []) if isinstance(tool, dict) else []
    if not isinstance(names, list) or not all(isinstance(item, str) for item in names):
        raise PortableError(f"{name}: {MARK} is {names!r}, expected a list of names.")
    return frozenset(names)


def mark(name: str) -> str:
    """Return how a difference of `name` is marked, as the end of a sentence."""
    return f', or mark it in {PROJECT}: {MARK} = ["{name}"].'


def covers(marks: Collection[str], right: str) -> bool:
    """Say whether one of `marks` is about an action or a policy."""
    return any(fnmatchcase(right, mark) for mark in marks)


def of_variables(marks: Collection[str]) -> frozenset[str]:
    """Return those of `marks` that can be the name of a variable; the others are rights."""
    return frozenset(mark for mark in marks if re.fullmatch(r"\w+", mark))


def idle(marks: Collection[str], kind: str) -> Iterator[Problem]:
    """Yield a warning for each of `marks`, which name no `kind` of either side."""
    for name in sorted(marks):
        text = f"{PROJECT}: {MARK} has {name!r}, {kind} that neither side has."
        yield Problem(text, "Remove it.", Severity.WARNING)
