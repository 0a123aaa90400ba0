"""A name that is not the same everywhere is told with both places."""

import shutil

import pytest

from portable.check.names import names

SERVICE = "copilot/api/manifest.yml"
TEST = "copilot/environments/test/manifest.yml"


def test_those_of_this_repository_are_the_same(project):
    assert list(names(project)) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "parts"),
    [
        (
            "copilot/.workspace",
            "portable-api",
            "other",
            ["[default] AppName", "'portable-api'", "copilot/.workspace", "'other'"],
        ),
        (
            "alb/alarms.yaml",
            "Default: portable-api",
            "Default: other",
            ["AppName", "'other'", "copilot/.workspace: application is 'portable-api'"],
        ),
        (SERVICE, "name: api", "name: web", [f"{SERVICE}: name is 'web'", "folder is 'api'"]),
        (TEST, "name: test", "name: prod", [f"{TEST}: name is 'prod'", "folder is 'test'"]),
        (
            SERVICE,
            "environments:\n  test:",
            "environments:\n  staging:",
            [f"{SERVICE}: environments.staging", "copilot/environments/staging does not exist"],
        ),
        (
            "samconfig.toml",
            'EnvName = "test"',
            'EnvName = "staging"',
            ["samconfig.toml: [default] EnvName is 'staging'", "copilot/environments/", "prod"],
        ),
        ("samconfig.toml", 'EnvName = "test"', 'Other = ""', ["[default] EnvName is not given"]),
    ],
)
def test_a_name_that_differs(name, old, new, parts, project, change, find):
    if name == "alb/alarms.yaml":  # samconfig.toml says it too, and goes before the default
        text = (project.root / "samconfig.toml").read_text()
        (project.root / "samconfig.toml").write_text(text.replace('AppName = "portable-api"\n', ""))
    change(name, old, new)
    found = [one for one in names(project) if all(part in str(one) for part in parts)]
    assert found


def test_an_environment_without_a_folder(project, find):
    shutil.rmtree(project.root / "copilot/environments/test")
    find(names(project), f"no {TEST}", "copilot env init --name test")


def test_an_application_of_another_name_in_samconfig(project, change, find):
    change("samconfig.toml", 'EnvName = "test"', 'AppName = "other"\nEnvName = "test"')
