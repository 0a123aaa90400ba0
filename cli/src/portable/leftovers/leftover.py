"""One thing that is left, and how it goes."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Needs(StrEnum):
    """The option without which --delete lets a thing be."""

    DELETE = "--delete"
    DATA = "--data"
    SHARED = "--shared"


@dataclass(frozen=True)
class Leftover:
    """Something in the account: `name` by the name of its service, `why` it is there.

    `remove` deletes it and raises `PortableError` where AWS refuses. It is None for what another
    command has to delete, which is then `command`.
    """

    kind: str
    name: str
    why: str
    remove: Callable[[], None] | None = None
    command: str = ""
    needs: Needs = Needs.DELETE
