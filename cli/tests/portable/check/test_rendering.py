"""Everything under copilot/ is rendered by the real `copilot`, without network and account."""

import json

import pytest

from portable.check.lint import cfn_lint, sam_validate
from portable.check.project import Project
from portable.check.rendering import copilot_package
from portable.check.stacks import stacks, unknown_imports

PATCHES = "copilot/api/overrides/cfn.patches.yml"
ENVIRONMENT_PATCHES = "copilot/environments/overrides/cfn.patches.yml"


@pytest.fixture
def project(project):
    return Project(project.root, ("test",), project.rendered)


def test_writes_what_would_be_deployed(project):
    assert list(copilot_package(project)) == []
    assert {path.name for path in project.rendered.iterdir()} == {
        "test.env.yml",
        "test.env.params.json",
        "api-test.stack.yml",
        "api-test.params.json",
    }
    parameters = json.loads((project.rendered / "api-test.params.json").read_text())["Parameters"]
    assert (parameters["AppName"], parameters["EnvName"]) == ("portable-api", "test")


@pytest.mark.parametrize(
    ("name", "old", "new", "parts"),
    [
        (
            PATCHES,
            "/EnvControllerFunction/",
            "/Gone/",
            ["render test", "Gone", f"{PATCHES}: the patch of /Resources/Gone/"],
        ),
        (
            ENVIRONMENT_PATCHES,
            "/CustomDomainFunction/",
            "/Gone/",
            ["Gone", f"{ENVIRONMENT_PATCHES}: the patch of /Resources/Gone/"],
        ),
        ("copilot/api/manifest.yml", "cpu_percentage: 70", "cpu_percentage: x", ["unmarshal"]),
        ("copilot/api/manifest.yml", "placement: private", "placement: x", ['"placement" x must']),
        ("copilot/api/manifest.yml", "LOG_LEVEL: INFO", "LOG_LEVEL: ${X}", ['"X" is not defined']),
    ],
)
def test_what_copilot_refuses(name, old, new, parts, project, change, find):
    change(name, old, new)
    find(copilot_package(project), "copilot cannot render test", *parts)


def test_a_patch_that_makes_an_invalid_template(project, change, find):
    change(PATCHES, "value: 60", "value: long")
    assert list(copilot_package(project)) == []
    find(cfn_lint(project), "api-test.stack.yml", "HealthCheckGracePeriodSeconds", "'long'")


def test_the_templates_of_this_repository_have_no_finding(project):
    assert list(copilot_package(project)) == []
    assert list(cfn_lint(project)) == []


def test_a_template_that_cfn_lint_refuses(project, change, find):
    change("alb/template.yaml", "HealthCheckIntervalSeconds: 30", "HealthCheckEvery: 30")
    find(cfn_lint(project), "alb/template.yaml", "FargateTargetGroup", "'HealthCheckEvery'")


def test_sam_validates(project, change):
    assert list(sam_validate(project)) == []
    change("template.yaml", "Timeout: 30", "Timeout: 0")
    problems = list(sam_validate(project))
    assert problems
    assert any(
        "`sam validate --lint`: " in one.text and "0 is less" in one.text for one in problems
    )


def test_the_stacks_of_an_environment_with_their_commands(project):
    assert list(copilot_package(project)) == []
    found = {stack.name: stack for stack in stacks(project, "test")}
    assert {name: stack.command for name, stack in found.items()} == {
        "portable-api-test": "copilot env deploy --name test",
        "portable-api-data-test": "sam deploy --config-env data-test",
        "portable-api-lambda-test": "sam deploy",
        "portable-api-alb-test": "sam deploy --config-env alb-test",
        "portable-api-alarms-test": "sam deploy --config-env alarms-test",
        "portable-api-test-api": "copilot svc deploy --name api --env test",
    }
    assert found["portable-api-lambda-test"].exports == {"portable-api-test-FunctionAlias"}
    assert "portable-api-test-FargateTargetGroup" in found["portable-api-test-api"].imports


def test_an_import_that_nothing_exports(project, change, find):
    assert list(unknown_imports_after_rendering(project)) == []
    change("template.yaml", "${AppName}-${EnvName}-FunctionAlias", "${AppName}-${EnvName}-Alias")
    find(
        unknown_imports_after_rendering(Project(project.root, ("test",), project.rendered)),
        "alb/template.yaml imports 'portable-api-test-FunctionAlias' in test",
    )


def unknown_imports_after_rendering(project):
    assert list(copilot_package(project)) == []
    return unknown_imports(project)
