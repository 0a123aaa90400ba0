"""The service as its owner uses it: each command is run, none is imitated."""

import json
import re
import shutil

import pytest

from portable.check.names import names
from portable.check.project import Project, folders
from portable.manifests.samconfig import Samconfig
from tests.docker.base_image import pass_on
from tests.docker.conftest import base_image, docker_engine, run
from tests.service.conftest import run as run_in
from tests.service.conftest import running

__all__ = ["base_image", "docker_engine", "run"]


def test_the_command_is_the_one_of_the_template(installed):
    code = "from importlib.metadata import distribution as found\n"
    code += "print(found('portable-cli').read_text('direct_url.json'))"
    done = run_in(installed.folder / ".venv/bin/python", "-c", code, cwd=installed.folder)
    found = json.loads(done.stdout)
    assert found["vcs_info"]["commit_id"] == installed.newer
    assert found["subdirectory"] == "cli"


def test_make_test(installed):
    said = installed.make("test")
    assert re.search(r"^=+ 38 passed in ", said, re.M), said


def test_make_lint(installed):
    assert "All checks passed!" in installed.make("lint")


def test_make_run(installed):
    """Until each side has answered once."""
    with running(installed.folder, [], "make", "run", "ARGS=--port 0") as client:
        answers = {client.get("/").json() for _ in range(100)}
    assert answers == {"Orders of lambda", "Orders of ecs"}


def test_another_environment_passes_the_check(installed):
    samconfig = installed.folder / "samconfig.toml"
    text = samconfig.read_text()
    samconfig.write_text(text.replace('AllowPlainHttp = "disabled"', 'AllowPlainHttp = "enabled"'))
    installed.portable("env", "add", "load", "--like", "prod")
    outcome = json.loads(installed.portable("check", "--json"))
    assert set(outcome["environments"]) == {"load", "staging", "prod"}
    portable = installed.folder / ".venv/bin/portable"
    again = run_in(portable, "env", "add", "prod", cwd=installed.folder, status=1)
    assert again.stderr == "portable: there is an environment 'prod' already.\n"


def test_a_table_is_protected_where_it_is_no_trial(installed, tmp_path):
    """Also in an environment that is added, as its data is a section of samconfig.toml, too."""
    folder = tmp_path / "orders"
    shutil.copytree(installed.fresh, folder, ignore=shutil.ignore_patterns(".git", ".venv"))
    portable = installed.folder / ".venv/bin/portable"
    for name, like in (("eu", "staging"), ("us", "prod")):
        run_in(portable, "env", "add", name, "--like", like, cwd=folder)
    found = {
        section.parameters["EnvName"]: section.parameters["DeletionProtection"]
        for section in Samconfig(folder / "samconfig.toml").sections()
        if section.template == "data/template.yaml"
    }
    assert found == {"staging": "disabled", "prod": "enabled", "eu": "disabled", "us": "enabled"}


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_portable_parity(installed, environment):
    """Also where the app hides its schema. The greeting names the side, on purpose."""
    options = ("--env", environment, "--examples", "2", "--exclude", "GET /")
    said = installed.portable("parity", *options)
    assert "0 differences" in said


def test_sam_build(installed, base_image):
    pass_on(installed.folder)
    assert "Build Succeeded" in installed.make("build")


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_the_deployment_is_for_each_environment(installed, environment):
    """The order is that of README.md, which is tested to be the Makefile's."""
    given = [] if environment == "staging" else [f"ENV={environment}"]
    lines = installed.make("--dry-run", "deploy", *given)
    assert "copilot app init orders --resource-tags application=orders\n" in lines
    assert f"copilot svc deploy --name api --env {environment}\n" in lines
    assert f"sam deploy --config-env alb-{environment}\n" in lines


def test_another_name(installed, tmp_path):
    """Last: the others are of `orders`."""
    installed.portable("rename", "shop")
    assert "copilot app init shop --resource-tags application=shop\n" in installed.make(
        "--dry-run", "deploy"
    )
    assert list(names(Project(installed.folder, folders(installed.folder), tmp_path))) == []
    for name in ("README.md", "src/app/main.py", "samconfig.toml", "requirements.txt"):
        assert "orders" not in (installed.folder / name).read_text()
    portable = installed.folder / ".venv/bin/portable"
    refused = run_in(portable, "rename", "My Shop", cwd=installed.folder, status=1)
    assert refused.stderr.startswith("portable: the name is 'My Shop', expected lower-case letters")
