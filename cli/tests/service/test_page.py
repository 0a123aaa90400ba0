"""The README of a service names what a service has, and the command that it has."""

import re
import shlex

import click
import pytest
import yaml

from portable.cli import main
from tests.conftest import ROOT

PAGE = (ROOT / "cli/service/README.md").read_text()
SPANS = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", PAGE, flags=re.M | re.S))
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S)
LINES = [line.partition(" #")[0] for block in BLOCKS for line in block.splitlines()]


def test_files_that_it_names_are_there(service):
    paths = [span for span in SPANS if re.fullmatch(r"[\w.-]+(/[\w.-]*)*/?", span)]
    names = {path for path in paths if "/" in path or re.search(r"\.(toml|ya?ml|txt)$", path)}
    assert {"src/app/", "tests/", "alb/", "copilot/", "samconfig.toml"} <= names
    ours = {"cli/docs/"}  # of the template, as it says
    assert [name for name in names - ours if not (service.fresh / name).exists()] == []
    assert (ROOT / "cli/docs").is_dir()


def test_targets_that_it_names_are_in_the_makefile(service):
    makefile = (service.fresh / "Makefile").read_text()
    commands = [line.split() for line in (*LINES, *SPANS) if line.startswith("make ")]
    targets = {words[1] for words in commands}
    assert {"run", "test", "lint", "deploy", "destroy"} <= targets
    assert [name for name in targets if not re.search(rf"^{name}::?( |$)", makefile, re.M)] == []


def test_commands_that_it_names_exist():
    named = [span.removeprefix(".venv/bin/") for span in SPANS]
    lines = [shlex.split(span) for span in named if span.startswith("portable ")]
    assert len(lines) > 4
    for _, *words in lines:
        command: click.Command = main
        while isinstance(command, click.Group) and not words[0].startswith("-"):
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        own = words[: words.index("--")] if "--" in words else words  # the rest is another command
        given = {word for word in own if word.startswith("--")}
        assert given <= options | {"--help"}


def test_keys_of_the_tests_exist(pytestconfig):
    for key in re.findall(r"^(portable_\w+) =", PAGE, re.M):
        pytestconfig.getini(key)  # raises for one that is not known


@pytest.mark.parametrize("word", ["make lint test", "contents: read", "persist-credentials: false"])
def test_the_workflow_tests_and_may_read_only(service, word):
    text = (service.fresh / ".github/workflows/ci.yml").read_text()
    assert word in text
    assert set(yaml.safe_load(text)["jobs"]) == {"test"}


def test_the_command_has_no_name_of_an_application():
    sources = (ROOT / "cli/src").rglob("*.py")
    assert [
        path.name for path in sources if re.search("portable.api", path.read_text(), re.I)
    ] == []
