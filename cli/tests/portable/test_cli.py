"""What the command says of itself, and completes."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from portable.cli import main

PORTABLE = Path(sys.executable).with_name("portable")


def portable(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [PORTABLE, *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


GROUPS = {"env": main.commands["env"], "": main}


@pytest.mark.parametrize("name", sorted(GROUPS))
def test_a_list_of_commands_has_each_in_one_whole_line_at_80_columns(name: str) -> None:
    shown = portable(*name.split(), "--help", COLUMNS="80")
    lines = shown.partition("Commands:\n")[2].splitlines()
    group = GROUPS[name]
    assert isinstance(group, click.Group)
    assert [line.split()[0] for line in lines] == sorted(group.commands)
    for line in lines:
        assert line.endswith(".") and not line.endswith("..."), line
        assert len(line) <= 80


@pytest.mark.parametrize("name", sorted(main.commands))
def test_a_summary_is_one_sentence(name: str) -> None:
    summary = main.commands[name].get_short_help_str(limit=80)
    assert click.unstyle(summary) == summary and summary.count(".") == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_commands_and_options(shell: str) -> None:
    assert "portable" in portable(_PORTABLE_COMPLETE=f"{shell}_source")
    page = (Path(__file__).parents[2] / "docs/reference.md").read_text()
    assert f"_PORTABLE_COMPLETE={shell}_source portable" in page


def test_what_is_completed() -> None:
    def completed(words: str, number: int) -> list[str]:
        variables = {"COMP_WORDS": words, "COMP_CWORD": str(number)}
        shown = portable(_PORTABLE_COMPLETE="bash_complete", **variables)
        return [line.partition(",")[2] for line in shown.splitlines()]

    assert completed("portable sp", 1) == ["split"]
    assert completed("portable fault ", 2) == ["lambda", "fargate"]
    assert "--side-header" in completed("portable split --s", 2)
