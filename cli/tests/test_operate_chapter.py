"""The chapter "Operate" of the README, and what its page adds, followed on a local run."""

import re
import shlex
import subprocess
import time
from pathlib import Path

import pytest

from portable.local.operate.control import ask
from tests.portable.load import load, wait_until
from tests.portable.local_run import PORTABLE, LocalRun, local_run

ROOT = Path(__file__).parents[2]


def section(path: str, title: str) -> str:
    """Return the text under a heading, up to the next one."""
    pattern = rf"^## {title}\n(.*?)^## "
    (found,) = re.findall(pattern, (ROOT / path).read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


CHAPTER = section("README.md", "Operate") + section("cli/docs/operate.md", "Failover")
SESSION = "".join(re.findall(r"^```console\n(.*?)^```$", CHAPTER, re.MULTILINE | re.DOTALL))
TRANSCRIPTS = [part.partition("\n") for part in re.split(r"^\$ ", SESSION, flags=re.M)[1:]]
(OPTIONS,) = re.findall(r'^make run ARGS="(.*)"$', CHAPTER, re.MULTILINE)


def words(text: str) -> list[str]:
    """Return what a transcript says, without its numbers, tables and bars."""
    lines = []
    for line in text.splitlines():
        if re.match(r" (group|lambda|fargate|─| )|^\s*$", line) or "observed" in line:
            continue
        masked = re.sub(r"[\d:.TZ-]*\d[\d:.TZ-]*%?", "N", line)
        lines.append(" ".join(masked.split()).replace("on port N", "on port").rstrip("."))
    # A poll more or less shows the same line again; the order of a stack's two alarms is any.
    return sorted(set(lines))


class Reader:
    """Does what the chapter says."""

    def __init__(self, run: LocalRun) -> None:
        self.port = int(run.url.rpartition(":")[2])

    def command(self, line: str) -> list[str]:
        name, *arguments = shlex.split(line)[1:]
        if name == "split":
            return [str(PORTABLE), name, *arguments, f"http://127.0.0.1:{self.port}"]
        return [str(PORTABLE), name, *arguments, "--port", str(self.port)]

    def start(self, line: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(line), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def give(self, line: str) -> str:
        process = self.start(line)
        return process.communicate(timeout=120)[0]

    def repeat(self, line: str, shown: str) -> str:
        """Give a command up to three times: one good split in 100 looks like a misfit."""
        for _ in range(3):
            answer = self.give(line)
            if words(answer) == words(shown):
                break
        return answer

    def alarms(self) -> dict[str, str]:
        return {alarm["name"]: alarm["state"] for alarm in ask(self.port, "state")["alarms"]}

    def all_is_well(self) -> bool:
        states = self.alarms()
        return {states[f"portable-api-test-{side}"] for side in ("lambda", "fargate")} == {"OK"}


def test_the_chapter_is_what_happens() -> None:
    lines = [line for line, _, _ in TRANSCRIPTS]
    assert len(lines) >= 7
    with local_run(*shlex.split(OPTIONS), "--quiet") as run:
        reader = Reader(run)
        with load(run, threads=4, pause=0.005):
            for line, _, shown in TRANSCRIPTS:
                if " shift " in line:
                    wait_until(reader.all_is_well)
                if " shift " in line and "rolled back" in shown:
                    process = reader.start(line)
                    wait_until(lambda: ask(reader.port, "state")["update"]["status"] == "baking")
                    time.sleep(1)
                    reader.give("portable fault fargate --errors 30")
                    answer = process.communicate(timeout=120)[0]
                    assert process.returncode == 1
                else:
                    answer = reader.repeat(line, shown) if " split" in line else reader.give(line)
                assert words(answer) == words(shown), f"{line}\n{answer}"
                if line == "portable fault fargate":
                    wait_until(lambda: ask(reader.port, "state")["weights"]["fargate"] == 0)
    (failover,) = [
        block
        for block in re.findall(r"^```text\n(.*?)^```$", CHAPTER, re.MULTILINE | re.DOTALL)
        if "Failover" in block
    ]
    told = words("\n".join(run.err))
    # Which of the other alarms go off or are over meanwhile depends on the moment.
    important = [line for line in words(failover) if re.search("down|killed|Fail|weights", line)]
    assert len(important) >= 4 and [line for line in important if line not in told] == []


@pytest.mark.parametrize("word", ["split", "shift", "fault", "restart"])
def test_every_command_of_operation_is_in_it(word: str) -> None:
    assert [line for line, _, _ in TRANSCRIPTS if line.split()[1] == word]
