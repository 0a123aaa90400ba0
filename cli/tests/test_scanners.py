"""What is accepted of the scanners' findings, and for how long."""

import shutil

import pytest

from portable.manifests.template import read_template
from scanners.finding import BASELINE, Accepted, Finding, judge, read
from scanners.templates import ON, OTHER, render

FOUND = Finding("ruff", "S101", "cli/tests/test_a.py", "Use of assert")
ACCEPTED = Accepted("ruff", "S101", "cli/tests/*", "A test asserts.")


def test_a_finding_needs_a_reason():
    assert judge([FOUND], [ACCEPTED]) == []
    assert judge([FOUND], []) == ["ruff S101 cli/tests/test_a.py: Use of assert"]


@pytest.mark.parametrize(
    ("scanner", "rule", "where"),
    [("bandit", "S101", "*"), ("ruff", "S102", "*"), ("ruff", "S101", "cli/src/*")],
)
def test_a_reason_that_is_no_longer_needed_is_a_fault(scanner, rule, where):
    finding, idle = judge([FOUND], [Accepted(scanner, rule, where, "Once.")])
    assert finding == str(FOUND)
    assert idle.startswith(f"{scanner} {rule} {where}: nothing is found there any more")


def test_an_entry_without_a_reason(tmp_path):
    path = tmp_path / "baseline.toml"
    path.write_text(BASELINE.read_text().replace('reason = "', 'reason = " " # "', 1))
    with pytest.raises(ValueError, match="has no reason"):
        read(path)
    assert len(read()) > 10


def test_every_option_is_on_in_what_is_scanned(root, tmp_path):
    render(root, tmp_path)
    seen = set()
    for name in ("template.yaml", "alb/template.yaml", "alb/alarms.yaml"):
        for option, declared in read_template(tmp_path, name)["Parameters"].items():
            if option in ON:
                assert declared["Default"] == ON[option]
                seen.add(option)
    assert seen == ON.keys()
    assert len(list((tmp_path / "copilot").glob("*.yml"))) == 4


def test_an_option_that_nobody_knows_is_asked_about(root, tmp_path):
    project = tmp_path / "project"
    for name in ("alb", "copilot", "data", "src"):
        shutil.copytree(root / name, project / name)
    for name in ("template.yaml", "samconfig.toml", "Dockerfile", "pyproject.toml"):
        shutil.copy(root / name, project)
    template = project / "template.yaml"
    template.write_text(template.read_text().replace("  Rollout:\n", "  Roll:\n", 1))
    (tmp_path / "out").mkdir()
    with pytest.raises(ValueError, match="is Roll an option"):
        render(project, tmp_path / "out")
    assert not OTHER & ON.keys()
