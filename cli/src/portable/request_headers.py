"""Headers that a user gives for requests, as with curl; what they say may be a secret."""

import os
import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import click

from portable.errors import PortableError

Decorated = TypeVar("Decorated", bound=Callable[..., object])


@dataclass(frozen=True)
class RequestHeader:
    """One of them; `variable` is the environment variable that its value comes from, if any."""

    name: str
    value: str = field(repr=False)
    variable: str | None = None

    @property
    def curl(self) -> str:
        """Return the header as options of a curl command, without its value."""
        if self.variable:
            return f'-H "{self.name}: ${self.variable}"'
        return f"-H {shlex.quote(f'{self.name}: ...')}"

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """What is not to be shown: the value, and what follows a scheme, as in "Bearer TOKEN"."""
        found = (self.value, self.value.partition(" ")[2])
        return tuple(text.encode("latin-1") for text in found if len(text) >= SHORTEST)


SHORTEST = 4  # characters; a shorter text is no secret, and occurs anywhere


def _given(_: click.Context, __: click.Parameter, texts: Iterable[str]) -> list[RequestHeader]:
    headers = []
    for text in texts:
        name, colon, value = text.partition(":")
        if not colon:
            message = "--header has no colon, expected 'Name: value'"
            raise PortableError(f"{message}, as with curl.")
        headers.append(_checked("--header", RequestHeader(name.strip(), value.strip())))
    return headers


def _named(_: click.Context, __: click.Parameter, texts: Iterable[str]) -> list[RequestHeader]:
    headers = []
    for text in texts:
        name, equals, variable = text.partition("=")
        if not equals:
            message = f"--header-env is {text!r}, expected NAME=VARIABLE"
            raise PortableError(f"{message}, as in Authorization=API_AUTHORIZATION.")
        if not os.environ.get(variable):
            raise PortableError(f"--header-env is {text!r}, but {variable} is not set.")
        header = RequestHeader(name, os.environ[variable].strip(), variable)
        headers.append(_checked("--header-env", header))
    return headers


def _checked(option: str, header: RequestHeader) -> RequestHeader:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~\w-]+", header.name, re.ASCII):
        raise PortableError(f"{option}: {header.name!r} is no name of a header.")
    if not re.fullmatch(r"[\x20-\x7e\xa0-\xff]*", header.value):
        raise PortableError(f"{option}: the value of {header.name} has a character that none may.")
    return header


def with_request_headers(command: Decorated) -> Decorated:
    """Add the options --header and --header-env, as the parameters `headers` and `named_headers`.

    Raises `PortableError` for one of another form; no value is part of a message.
    """
    named = click.option(
        "--header-env",
        "named_headers",
        metavar="NAME=VARIABLE",
        multiple=True,
        callback=_named,
        help="The same, with the value of an environment variable; can be repeated.",
    )
    given = click.option(
        "-H",
        "--header",
        "headers",
        metavar="'NAME: VALUE'",
        multiple=True,
        callback=_given,
        help="Request header, as with curl; its value is never shown; can be repeated.",
    )
    return given(named(command))
