"""What a scanner found, and what is accepted with a reason: baseline.toml."""

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

BASELINE = Path(__file__).with_name("baseline.toml")


@dataclass(frozen=True)
class Finding:
    """A rule of a scanner that does not hold: `where` is a path, with a resource after a colon."""

    scanner: str
    rule: str
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.scanner} {self.rule} {self.where}: {self.text}"


@dataclass(frozen=True)
class Accepted:
    """Findings that stay, and why; `where` is a pattern of the shell."""

    scanner: str
    rule: str
    where: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Say whether it is about this finding."""
        same = (self.scanner, self.rule) == (finding.scanner, finding.rule)
        return same and fnmatchcase(finding.where, self.where)


def read(path: Path = BASELINE) -> list[Accepted]:
    """Return what a baseline accepts; raise `ValueError` for an entry without a reason."""
    entries = [Accepted(**entry) for entry in tomllib.loads(path.read_text())["accepted"]]
    for entry in entries:
        if not entry.reason.strip():
            raise ValueError(f"{path.name}: {entry.rule} in {entry.where} has no reason.")
    return entries


def judge(findings: list[Finding], accepted: list[Accepted]) -> list[str]:
    """Return a sentence for each finding that nothing accepts, and for each idle acceptance."""
    return [
        *(str(one) for one in findings if not any(entry.covers(one) for entry in accepted)),
        *(
            f"{entry.scanner} {entry.rule} {entry.where}: nothing is found there any more, so "
            "remove it from the baseline."
            for entry in accepted
            if not any(entry.covers(one) for one in findings)
        ),
    ]
