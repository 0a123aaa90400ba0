"""Both sides have the same variables, apart from those that differ on purpose."""

import pytest

from portable.check.manifests import manifests, variables
from portable.check.project import Project
from portable.manifests.different import VARIABLES
from portable.manifests.problem import Severity
from portable.service import environments
from portable_runtime.target_settings import ServerSettings, TargetSettings

SERVICE = "copilot/api/manifest.yml"
SAM_PLACE = "template.yaml: ApiFunction.Properties.Environment.Variables"
FARGATE_PLACE = f"{SERVICE}: variables"
LAMBDA_LEVEL = "          LOG_LEVEL: INFO\n"


def test_those_of_this_repository_agree(project):
    assert list(manifests(project)) == []
    assert list(variables(project)) == []


def test_what_differs_on_purpose_is_the_side_and_what_only_one_side_reads():
    servers = {
        name.upper() for name in ServerSettings.model_fields.keys() - TargetSettings.model_fields
    }
    assert VARIABLES.keys() == {"EXECUTION_ENVIRONMENT", "ON_EVENT", *servers}


def test_a_disagreement_is_told_once_for_all_environments(project, change, find):
    change("template.yaml", "Timeout: 30", "Timeout: 90")
    find(manifests(project), "template.yaml: ApiFunction.Properties.Timeout is 90", "idle_timeout")


def test_a_health_check_of_another_form_is_a_disagreement(project, change, find):
    change(SERVICE, "      - CMD\n", "      - CMD: [1]\n")
    change(SERVICE, "'/healthz'", "'/other'")
    find(manifests(project), "HealthCheckPath", f"{SERVICE}: image.healthcheck.command")


def test_every_disagreement_is_told(project, change):
    change("template.yaml", "Timeout: 30", "Timeout: 90")
    change("template.yaml", "[x86_64]", "[arm64]")
    assert len(list(manifests(project))) == 2


def test_a_variable_of_lambda_only(project, change, find):
    change("template.yaml", LAMBDA_LEVEL, f"{LAMBDA_LEVEL}          GREETING: hello\n")
    problem = find(variables(project), f"{SAM_PLACE} has GREETING", f"{FARGATE_PLACE} has not")
    assert problem.severity is Severity.FAULT
    assert problem.fix == (
        'Add it there, or mark it in pyproject.toml: [tool.portable] different = ["GREETING"].'
    )


def test_a_variable_of_fargate_only(project, change, find):
    change(SERVICE, "  LOG_LEVEL: INFO\n", "  LOG_LEVEL: INFO\n  GREETING: hello\n")
    find(variables(project), f"{FARGATE_PLACE} has GREETING", f"{SAM_PLACE} has not")


def test_another_value(project, change, find):
    change(SERVICE, "LOG_LEVEL: INFO", "LOG_LEVEL: DEBUG")
    find(variables(project), f"{SAM_PLACE}.LOG_LEVEL is 'INFO'", f"{FARGATE_PLACE}.LOG_LEVEL is")


def test_another_value_in_one_environment(project, change, find):
    test = "    variables:\n      SIDE_HEADER"
    change(SERVICE, test, test.replace("SIDE", "LOG_LEVEL: DEBUG\n      SIDE"))
    find(variables(project), "LOG_LEVEL", "'INFO'", "'DEBUG'")


def test_a_name_that_only_looks_like_the_export_of_the_other_side(project, change, find):
    export = "portable-api-test-ItemsTable"
    change(
        "template.yaml",
        "ITEMS_TABLE:\n            Fn::ImportValue: !Sub ${AppName}-${EnvName}-ItemsTable",
        "ITEMS_TABLE: !Sub ${AppName}-${EnvName}-ItemsTable",
    )
    problem = find(variables(Project(project.root, ("test",), project.rendered)), export)
    assert problem.text == (
        f"{SAM_PLACE}.ITEMS_TABLE is {export!r}, "
        f"but {FARGATE_PLACE}.ITEMS_TABLE is the export {export!r}."
    )


def test_another_export(project, change, find):
    change(SERVICE, "ENVIRONMENT_NAME}-ItemsTable", "ENVIRONMENT_NAME}-OtherTable")
    test = Project(project.root, ("test",), project.rendered)
    find(variables(test), "the export 'portable-api-test-ItemsTable'", "-OtherTable'")


@pytest.mark.parametrize("like", ["test", "prod"])
def test_a_new_environment_agrees(like, project):
    environments.add(project.root, "staging", like)
    staging = Project(project.root, ("staging",), project.rendered)
    assert list(manifests(staging)) == []
    assert list(variables(staging)) == []


def test_a_marked_variable_may_differ(project, change):
    change(SERVICE, "  LOG_LEVEL: INFO\n", "  LOG_LEVEL: INFO\n  GREETING: hello\n")
    mark(project, '["GREETING"]')
    assert list(variables(project)) == []


def test_a_mark_of_no_variable_is_a_warning(project, find):
    mark(project, '["GREETING"]')
    problem = find(variables(project), "pyproject.toml", "'GREETING'", "neither side")
    assert problem.severity is Severity.WARNING


@pytest.mark.parametrize("value", ['"GREETING"', "[1]"])
def test_marks_that_are_no_list_of_names(value, project):
    mark(project, value)
    with pytest.raises(Exception, match=r"\[tool.portable\] different is .* a list of names"):
        list(variables(project))


@pytest.mark.parametrize("marks", ["[]", '["ASGI_APP"]'])
def test_an_app_on_one_side_is_refused(marks, project, change, find):
    change("template.yaml", LAMBDA_LEVEL, f"{LAMBDA_LEVEL}          ASGI_APP: other:app\n")
    mark(project, marks)
    find(manifests(project), f"{SAM_PLACE} has ASGI_APP", f"{FARGATE_PLACE} has not")


def test_one_value_in_the_two_languages_is_the_same(project, change):
    """An export, names of the environment, and a boolean."""
    change(
        "template.yaml",
        LAMBDA_LEVEL,
        LAMBDA_LEVEL
        + "          TABLE: {'Fn::ImportValue': !Sub '${AppName}-${EnvName}-Table'}\n"
        + "          PLACE: !Sub ${AppName}/${EnvName}\n"
        + "          DEBUG: 'true'\n",
    )
    change(
        SERVICE,
        "  LOG_LEVEL: INFO\n",
        "  LOG_LEVEL: INFO\n"
        "  TABLE:\n"
        "    from_cfn: ${COPILOT_APPLICATION_NAME}-${COPILOT_ENVIRONMENT_NAME}-Table\n"
        "  PLACE: ${COPILOT_APPLICATION_NAME}/${COPILOT_ENVIRONMENT_NAME}\n"
        "  DEBUG: true\n",
    )
    assert list(variables(project)) == []


def mark(project, value):
    path = project.root / "pyproject.toml"
    path.write_text(f"{path.read_text()}\n[tool.portable]\ndifferent = {value}\n")
