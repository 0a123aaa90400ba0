"""What a service is made of, what an update keeps, and what is refused."""

import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from portable.manifests.samconfig import Samconfig
from tests.service.conftest import DATA, OLDER, OWNED, ROOT, copier, git, replace

EVENTS = {f"tests/events/alb-{name}.json" for name in ("get", "post", "health-check")}
FILES = {
    *(
        ".copier-answers.yml",
        ".dockerignore",
        ".env.example",
        ".gitignore",
        ".github/workflows/ci.yml",
    ),
    *("Dockerfile", "strip.py", "Makefile", "README.md", "pyproject.toml"),
    *("requirements.txt", "requirements-dev.txt", "template.yaml", "samconfig.toml"),
    *("alb/template.yaml", "alb/alarms.yaml", "copilot/.workspace"),
    *("copilot/api/manifest.yml", "copilot/api/overrides/cfn.patches.yml"),
    "copilot/environments/overrides/cfn.patches.yml",
    *(f"copilot/environments/{name}/manifest.yml" for name in ("staging", "prod")),
    *(f"src/app/{name}" for name in ("__init__.py", "main.py", "settings.py", "py.typed")),
    *(f"src/app/items/{path.name}" for path in (ROOT / "src/app/items").glob("*.py")),
    *("data/template.yaml", "tests/test_items.py"),
    *("tests/test_app.py", "tests/events/not-alb.json"),
    *EVENTS,
}


def files(folder: Path) -> set[str]:
    """Return what git would commit."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet")
    return set(git(folder, "ls-files", "--cached", "--others", "--exclude-standard").splitlines())


def test_a_service_has_its_owners_files_and_the_runtime(service, root):
    runtime = {
        f"src/portable_runtime/{path.name}"
        for path in (root / "src/portable_runtime").iterdir()
        if path.is_file()
    }
    found = files(service.fresh)
    assert found == FILES | runtime | {"src/portable_runtime/LICENSE"}
    assert len(FILES) < 50  # of the owner; the runtime is not the owner's to look after


def test_no_name_of_the_template_is_left(service):
    left = []
    for name in sorted(files(service.fresh) - {"src/portable_runtime/LICENSE"}):
        for line in (service.fresh / name).read_text().splitlines():
            # The command comes from a folder whose name is its owner's.
            if re.search(r"portable[-_ ]api\b", line, re.I) and "git+" not in line:
                left.append(f"{name}: {line}")
    assert left == []


def test_environments_region_and_stacks_are_those_of_the_answers(service):
    sections = list(Samconfig(service.fresh / "samconfig.toml").sections())
    assert {section.settings["stack_name"] for section in sections} == {
        f"orders-{kind}-{environment}"
        for kind in ("data", "lambda", "alb", "alarms")
        for environment in ("staging", "prod")
    }
    assert {section.settings["region"] for section in sections} == {"eu-west-1"}
    assert {section.parameters["AppName"] for section in sections} == {"orders"}
    rollouts = [s.parameters["Rollout"] for s in sections if "Rollout" in s.parameters]
    assert rollouts == ["AllAtOnce", "Canary10Percent5Minutes"]


def test_the_command_is_pinned_to_the_commit(service, template):
    project = tomllib.loads((service.folder / "pyproject.toml").read_text())
    assert project["tool"]["uv"]["sources"]["portable-cli"] == {
        "git": template[0].as_uri(),
        "rev": service.newer,
        "subdirectory": "cli",
    }


def test_an_update_brings_what_is_new_and_keeps_what_its_owner_changed(service):
    kept = files(service.fresh) - {"tests/events/not-alb.json"} | {"src/app/prices.py"}
    assert files(service.folder) - {"tests/events/not-alb.json"} == kept
    assert not (service.folder / "tests/events/not-alb.json").exists()
    for name in sorted(kept - {"src/app/prices.py", "README.md"}):
        expected = (service.fresh / name).read_text()
        if change := OWNED.get(name):
            expected = expected.replace(*change, 1)
        assert (service.folder / name).read_text() == expected, name
    readme = (service.folder / "README.md").read_text()
    assert readme.startswith("# Orders, by their owner\n")
    assert "## Run and test" in readme
    assert not list(service.folder.rglob("*.rej"))
    assert OLDER.keys() & OWNED.keys()  # one file was changed by both


@pytest.mark.parametrize(
    ("environments", "expected"),
    [
        ("prod", ["prod"]),
        ("prod,staging,test", ["prod", "staging", "test"]),
    ],
)
def test_any_list_of_environments(template, tmp_path, environments, expected):
    data = DATA | {"environments": environments, "architecture": "arm64"}
    copier("copy", template[0], tmp_path / "orders", cwd=tmp_path, **data)
    made = tmp_path / "orders"
    folders = {path.parent.name for path in made.glob("copilot/environments/*/manifest.yml")}
    assert folders == set(expected)
    assert Samconfig(made / "samconfig.toml").environments() == expected
    manifest = (made / "copilot/api/manifest.yml").read_text()
    assert "platform: linux/arm64 " in manifest.replace("\n", " ")
    assert "Architectures: [arm64]" in (made / "template.yaml").read_text()
    # One alone is for production, so it has no shell.
    assert ("\nenvironments:\n" in manifest) == (len(expected) > 1)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("name", "Orders", "a letter first, 14 characters at most"),
        ("name", "a-very-long-name", "a letter first, 14 characters at most"),
        ("environments", "staging,", "names with commas between them"),
        ("environments", "a-long-environment", "10 characters at most"),
        ("environments", "prod,prod", "different names"),
        ("region", "Ireland", "a region, as in eu-west-1"),
        ("data", "bucket", "Invalid choice"),
    ],
)
def test_an_answer_that_aws_would_refuse(template, tmp_path, name, value, sentence):
    done = copier("copy", template[0], "made", cwd=tmp_path, status=1, **{**DATA, name: value})
    assert sentence in done.stdout + done.stderr


def test_changes_that_are_not_committed_cannot_be_pinned(template, tmp_path):
    shutil.copytree(template[0], tmp_path / "template")
    replace(tmp_path / "template/Makefile", "EVENT", "OTHER")
    done = copier("copy", "template", "made", cwd=tmp_path, status=1, **DATA)
    assert "has changes that are not committed: commit them first." in done.stderr


def test_events_are_those_that_the_tests_of_the_command_use(service, root):
    for name in EVENTS:
        assert json.loads((service.fresh / name).read_text()) == json.loads(
            (root / name).read_text()
        )
