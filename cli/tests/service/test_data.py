"""The answer to what both sides share: a table, or nothing at all. Each service is made and run."""

import json
import re
from pathlib import Path

import pytest

from portable.manifests.samconfig import Samconfig
from tests.service.conftest import DATA, ROOT, Service, commit, copier, git
from tests.service.test_template import files

OPEN = ('AllowPlainHttp = "disabled"', 'AllowPlainHttp = "enabled"')
# What no line has that speaks of the data; requirements-dev.txt has what the command needs.
TRACES = r"botocore|jmespath|dateutil|ITEMS_TABLE|APP_SECRET|AppPolicy|ItemsTable|data-|items"


@pytest.fixture(scope="module")
def bare(template: tuple[Path, str, str], tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A service without data, with its `.venv`."""
    folder = tmp_path_factory.mktemp("bare") / "orders"
    source, older, newer = template
    copier("copy", source, folder, cwd=folder.parent, **DATA, data="none")
    git(folder, "init", "--quiet")
    commit(folder)
    made = Service(folder, folder, older, newer)
    made.make("install")
    return made


def test_none_has_no_file_and_no_line_of_it(bare: Service, service: Service) -> None:
    gone = {f"src/app/items/{path.name}" for path in (ROOT / "src/app/items").glob("*.py")}
    gone |= {"data/template.yaml", "tests/test_items.py"}
    assert files(service.fresh) - files(bare.folder) == gone
    found = [
        f"{name}: {line}"
        for name in sorted(files(bare.folder) - {"requirements-dev.txt"})
        if not name.startswith("src/portable_runtime/")
        for line in (bare.folder / name).read_text().splitlines()
        if re.search(TRACES, line)
    ]
    assert found == []
    kinds = {section.template for section in Samconfig(bare.folder / "samconfig.toml").sections()}
    assert kinds == {"template.yaml", "alb/template.yaml", "alb/alarms.yaml"}


def test_its_locks_are_what_make_lock_writes(bare: Service) -> None:
    """No download: what is locked already is kept."""
    bare.make("lock")
    assert git(bare.folder, "status", "--porcelain", "--", "requirements*.txt") == ""


def test_none_is_tested_linted_and_checked(bare: Service) -> None:
    said = bare.make("test")
    assert re.search(r"^=+ 13 passed in ", said, re.M), said
    assert "All checks passed!" in bare.make("lint")
    samconfig = bare.folder / "samconfig.toml"
    samconfig.write_text(samconfig.read_text().replace(*OPEN))
    assert json.loads(bare.portable("check", "--json"))["environments"] == ["prod", "staging"]
    assert "0 differences" in bare.portable("parity", "--examples", "2", "--exclude", "GET /")
    assert "data" not in bare.make("--dry-run", "deploy", "destroy")
