"""What a comparison of both targets found, as a table."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from portable.parity.generated_requests import Sample

WIDTH = 36  # characters of a value in the table


@dataclass(frozen=True)
class Finding:
    """One thing in which the two answers to a request differed."""

    sample: Sample
    what: str
    on_lambda: str
    on_fargate: str
    deterministic: bool


class Statuses:
    """How often the requests of one operation were answered with which status, by target."""

    def __init__(self) -> None:
        self.targets: dict[str, Counter[str]] = {}

    def count(self, target: str, status: object) -> None:
        """Count one answer; what is no number is the kind of a failure."""
        self.targets.setdefault(target, Counter())[str(status)] += 1

    @property
    def answered(self) -> bool:
        """Whether one answer at least was no error: a 2xx, or a redirect."""
        return any(status[0] in "23" for counts in self.targets.values() for status in counts)


@dataclass
class Report:
    """What was sent, and what differed."""

    seed: int
    operations: int = 0
    samples: int = 0
    excluded: int = 0
    left_out: Counter[str] = field(default_factory=Counter)  # by reason
    unreadable: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    statuses: dict[str, Statuses] = field(default_factory=lambda: defaultdict(Statuses))
    errors_only: list[str] = field(default_factory=list)  # operations that answered nothing else
    writes: int = 0  # requests that may change something

    @property
    def differences(self) -> list[Finding]:
        """What differed each time."""
        return [finding for finding in self.findings if finding.deterministic]


def show(report: Report, console: Console) -> None:
    """Print what differed, how each can be repeated, and the counts."""
    grouped: dict[tuple[str, str, bool], list[Finding]] = {}
    for finding in report.findings:
        key = (finding.sample.operation, finding.what, finding.deterministic)
        grouped.setdefault(key, []).append(finding)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("", "operation", "what", "lambda", "fargate", "times"):
        table.add_column(column, overflow="fold", justify="right" if column == "times" else "left")
    lines = []
    for number, ((operation, what, stable), alike) in enumerate(grouped.items(), 1):
        # The smallest request says most clearly what it takes.
        example = min(alike, key=lambda finding: len(finding.sample.curl))
        note = what if stable else f"{what} (not deterministic)"
        cells = (str(number), operation, note, example.on_lambda, example.on_fargate)
        table.add_row(*map(Text, cells), str(len(alike)))
        lines.append(f"{number}: {example.sample.curl}")
    if grouped:
        console.print(table)
        for line in lines:
            console.print(Text(line), soft_wrap=True)  # one line each, to be copied
        console.print()
    for sentence in report.unreadable:
        console.print(Text(f"not requested: {sentence}"), soft_wrap=True)
    for reason, count in report.left_out.items():
        text = f"not sent: {_count(count, 'request')} with {reason}, which no function gets"
        console.print(text, soft_wrap=True)
    for line in (*histogram(report), *warnings(report)):
        console.print(Text(line), soft_wrap=True)
    console.print(Text(summary(report)), soft_wrap=True)


def histogram(report: Report) -> list[str]:
    """Return the statuses of all answers, one line if both targets have the same."""
    totals: dict[str, Counter[str]] = {}
    for statuses in report.statuses.values():
        for target, counts in statuses.targets.items():
            totals.setdefault(target, Counter()).update(counts)
    return [f"statuses of {target}: {text}" for target, text in _once(totals).items()]


def warnings(report: Report) -> list[str]:
    """Return a sentence for each operation that answered errors alone, and one on what is left."""
    lines = []
    for operation in report.errors_only:
        targets = report.statuses[operation].targets
        texts = [f"{text} on {target}" for target, text in _once(targets).items()]
        remedy = f"where that is right, add --expect-errors '{operation}'"
        if any({"401", "403"} & counts.keys() for counts in targets.values()):
            remedy = f"give credentials with --header or --header-env; {remedy}"
        lines.append(f"warning: {operation} answered errors alone ({'; '.join(texts)}): {remedy}.")
    if report.writes:
        lines.append(
            f"{_count(report.writes, 'request')} to each target may have written something: what "
            "is in a database or another store that both share is still there; memory and files "
            "were each process's own and are gone."
        )
    return lines


def _once(targets: dict[str, Counter[str]]) -> dict[str, str]:
    """Return the counts of each target as text, and once where both have the same."""
    texts = {
        target: ", ".join(f"{status}: {counts[status]}" for status in sorted(counts))
        for target, counts in targets.items()
    }
    return {"both targets": next(iter(texts.values()))} if len(set(texts.values())) == 1 else texts


def summary(report: Report) -> str:
    """Return the last line."""
    kinds = {(finding.sample.operation, finding.what) for finding in report.differences}
    loose = {
        (finding.sample.operation, finding.what)
        for finding in report.findings
        if not finding.deterministic
    }
    parts = [
        _count(report.operations, "operation"),
        f"{_count(report.samples, 'request')} to each target",
        f"{report.excluded} excluded",
        _count(len(kinds), "difference"),
        f"{len(loose)} not deterministic",
        f"seed {report.seed}",
    ]
    return ", ".join(parts)


def shown(ours: object, theirs: object) -> tuple[str, str]:
    """Return both values for the table, from where they begin to differ."""
    first, second = _text(ours), _text(theirs)
    start = next(
        (
            index
            for index, pair in enumerate(zip(first, second, strict=False))
            if pair[0] != pair[1]
        ),
        min(len(first), len(second)),
    )
    return _window(first, start), _window(second, start)


def _window(text: str, start: int) -> str:
    if len(text) <= WIDTH:
        return text
    begin = max(0, min(start - WIDTH // 3, len(text) - WIDTH))
    end = begin + WIDTH
    return ("…" if begin else "") + text[begin:end] + ("…" if end < len(text) else "")


def _text(value: object) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, bytes):
        return repr(value)[2:-1] or "(empty)"
    if isinstance(value, list):
        return " | ".join(_text(text.encode("latin-1")) for text in value)
    return str(value)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
