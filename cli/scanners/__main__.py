"""`python -m scanners`: exit status 1 for what is found and not in the baseline."""

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scanners.finding import Finding, judge, read
from scanners.tools import ALL, OPTIONAL, NoAnswer, Scan


def _answer(scan: Scan) -> list[Finding] | NoAnswer:
    with tempfile.TemporaryDirectory() as folder:
        try:
            return list(scan(Path(folder)))
        except NoAnswer as error:
            return error


def main() -> int:
    """Run all scanners, two at a time; say what the baseline has no reason for."""
    findings, accepted = [], read()
    with ThreadPoolExecutor(2) as pool:
        answers = dict(zip(ALL, pool.map(_answer, ALL.values()), strict=True))
    for name, answer in answers.items():
        if isinstance(answer, NoAnswer):
            print(f"{name}: not looked at. {answer}")
            if name not in OPTIONAL:
                return 1
            accepted = [entry for entry in accepted if entry.scanner != name]
        else:
            print(f"{name}: {len(answer)} found")
            findings += answer
    sentences = judge(findings, accepted)
    for sentence in sentences:
        print(sentence, file=sys.stderr)
    print(f"{len(accepted)} accepted in the baseline, {len(sentences)} to look at.")
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
