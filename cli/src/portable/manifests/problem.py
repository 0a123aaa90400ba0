"""What is wrong with the manifests, and what mends it."""

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """Whether a deployment can be expected to fail or to go wrong."""

    FAULT = "fault"
    WARNING = "warning"


@dataclass(frozen=True)
class Problem:
    """`text` is one sentence that names file and key; `fix` says what to do, or is empty."""

    text: str
    fix: str = ""
    severity: Severity = Severity.FAULT

    def __str__(self) -> str:
        return f"{self.text} {self.fix}".rstrip()
