"""Runs `portable split` as tests need it: in this process, or as a command."""

import re
import socket

from click.testing import CliRunner, Result

from portable.commands.split import split as command
from tests.portable.split.split_server import answer

PROGRAM = "from portable.commands.split import split; split(prog_name='portable split')"
EVEN = ("--lambda-weight", "50", "--fargate-weight", "50")
LAMBDA, FARGATE = answer('"Hello from lambda"'), answer('"Hello from ecs"')


def split(*arguments: str) -> Result:
    return CliRunner(mix_stderr=False).invoke(command, arguments)


def sentence(*arguments: str) -> str:
    """Return the one sentence that is said instead of a result."""
    result = split(*arguments)
    assert result.exit_code == 1 and result.stdout == ""
    assert re.fullmatch(r"portable: [^\n]+[^.\n]\.\n", result.stderr), result.stderr
    return result.stderr


def alternating(number: int) -> bytes:
    return LAMBDA if number % 2 else FARGATE


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
