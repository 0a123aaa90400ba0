"""Both sides have the same secrets, whatever the way in which each declares them."""

import re
from pathlib import Path

import pytest
from cfnlint.decode import cfn_yaml

from portable.check.lint import cfn_lint, sam_validate
from portable.check.manifests import secrets, variables
from portable.check.rendering import copilot_package
from portable.manifests.problem import Severity
from tests.portable.secret_manifests import (
    FARGATE_SECRETS,
    LAMBDA_LEVEL,
    LAMBDA_SECRETS,
    declare,
)

SERVICE = "copilot/api/manifest.yml"
PATCHES = "copilot/api/overrides/cfn.patches.yml"
PLACE = "template.yaml: ApiFunction.Properties.Environment.Variables"
KEY = {"API_KEY": "'{{resolve:secretsmanager:key}}'"}


def test_none_are_declared_in_this_repository(project):
    assert list(secrets(project)) == []


def test_the_same_ones_in_both_languages_agree(project):
    declare(project.root, LAMBDA_SECRETS, FARGATE_SECRETS)
    (project.root / ".env.example").write_text("DATABASE_PASSWORD=\nAPI_KEY=\n")
    assert list(secrets(project)) == []
    assert list(variables(project)) == []


def test_the_real_tools_accept_them(project):
    declare(project.root, LAMBDA_SECRETS, FARGATE_SECRETS)
    assert list(sam_validate(project)) == []
    assert list(copilot_package(project)) == []
    template = cfn_yaml.load(str(project.rendered / "api-test.stack.yml"))
    (container,) = template["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    arn = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:"
    assert {one["Name"]: one["ValueFrom"] for one in container["Secrets"]} == {
        "DATABASE_PASSWORD": {"Fn::Sub": f"{arn}portable-api/test/database"},
        "API_KEY": "/portable-api/api-key",
    }


def test_one_of_lambda_only(project, find):
    declare(project.root, KEY, "")
    problem = find(secrets(project), f"{PLACE} has the secret API_KEY, but {SERVICE}: secrets has")
    assert problem.severity is Severity.FAULT
    assert problem.fix.endswith('[tool.portable] different = ["API_KEY"].')
    with (project.root / "pyproject.toml").open("a") as file:
        file.write('\n[tool.portable]\ndifferent = ["API_KEY"]\n')
    problem = find(secrets(project), "API_KEY")
    assert problem.severity is Severity.WARNING  # .env.example does not name it
    assert list(variables(project)) == []  # the mark is no idle one


def test_one_of_fargate_only(project, find):
    declare(project.root, {}, "secrets: {API_KEY: key}\n")
    find(secrets(project), f"{SERVICE}: secrets has the secret API_KEY, but {PLACE} has not.")


def test_one_that_is_a_plain_variable_on_the_other_side(project, find):
    declare(project.root, KEY, "")
    manifest = project.root / SERVICE
    manifest.write_text(manifest.read_text().replace("LOG_LEVEL: INFO", "API_KEY: value-in-git"))
    problem = find(secrets(project), "a plain variable of the other side")
    assert "value-in-git" not in str(problem)
    assert problem.fix == f"Make it a secret of {SERVICE}: secrets."


def test_a_reference_that_no_function_can_have(project, find):
    declare(project.root, {"API_KEY": "'{{resolve:ssm-secure:key}}'"}, "secrets: {API_KEY: key}\n")
    find(secrets(project), f"{PLACE}.API_KEY", "ssm-secure", "Secrets Manager")


@pytest.mark.parametrize(
    ("reference", "declared", "words"),
    [
        ("secretsmanager:key", "key", "is secretsmanager 'key', but {} is ssm 'key'."),
        ("ssm:/a", "/b", "is ssm '/a', but {} is ssm '/b'."),
        (
            "secretsmanager:db:SecretString:user",
            "{secretsmanager: 'db:password::'}",
            "is secretsmanager 'db', key 'user', but {} is secretsmanager 'db', key 'password'.",
        ),
        ("ssm:/a", "{from_cfn: b}", "is ssm '/a', but {} is the export 'b'."),
    ],
)
def test_one_with_two_sources(project, find, reference, declared, words):
    declare(project.root, _key(reference), f"secrets: {{API_KEY: {declared}}}\n")
    problem = find(
        secrets(project), f"{PLACE}.API_KEY " + words.format(f"{SERVICE}: secrets.API_KEY")
    )
    assert problem.severity is Severity.FAULT


@pytest.mark.parametrize(
    ("reference", "declared"),
    [
        ("secretsmanager:db:SecretString:user", "{secretsmanager: 'db:user::'}"),
        (
            "secretsmanager:arn:aws:secretsmanager:r:1:secret:db-a1:SecretString:k",
            "'arn:aws:secretsmanager:r:1:secret:db-a1:k::'",
        ),
        ("ssm:/a:3", "/a"),
    ],
)
def test_one_with_one_source_in_two_languages(project, reference, declared):
    declare(project.root, _key(reference), f"secrets: {{API_KEY: {declared}}}\n")
    (project.root / ".env.example").write_text("API_KEY=\n")
    assert list(secrets(project)) == []


def _key(reference: str) -> dict[str, str]:
    return {"API_KEY": f"'{{{{resolve:{reference}}}}}'"}


def test_one_that_the_example_does_not_name_is_a_warning(project, find):
    declare(project.root, KEY, "secrets: {API_KEY: {secretsmanager: key}}\n")
    problem = find(secrets(project), "API_KEY is a secret, but .env.example does not name it.")
    assert problem.severity is Severity.WARNING


PAGE = (Path(__file__).parents[3] / "docs/secrets.md").read_text()
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_what_the_page_shows_is_accepted_by_the_real_tools(project, change):
    """A secret on each side, and the right to a table on both sides, in each of the two ways."""
    variable, secret, statement, policy, addon = BLOCKS
    table = "            Resource: !GetAtt ItemsTable.Arn\n"  # of the statement of AppPolicy
    change("data/template.yaml", table, table + statement)
    change(
        PATCHES,
        "ManagedPolicyArns\n  value:\n    - Fn:",
        "ManagedPolicyArns/-\n  value:\n      Fn:",
    )
    change("template.yaml", LAMBDA_LEVEL, LAMBDA_LEVEL + " " * 10 + variable)
    change(SERVICE, "\nvariables:\n", f"\n{secret}variables:\n")
    last = "                Resource: !GetAtt LogGroup.Arn\n"  # of the ExecutionRole's policies
    change("template.yaml", last, last + policy)
    (project.root / "copilot/api/addons").mkdir()
    (project.root / "copilot/api/addons/table.yml").write_text(addon)
    (project.root / ".env.example").write_text("DATABASE_PASSWORD=\n")
    assert list(secrets(project)) == []
    assert list(sam_validate(project)) == []
    assert list(copilot_package(project)) == []
    assert list(cfn_lint(project)) == []
    template = cfn_yaml.load(str(project.rendered / "api-test.stack.yml"))
    role = template["Resources"]["TaskRole"]["Properties"]
    assert role["ManagedPolicyArns"] == [
        {"Fn::GetAtt": ["AddonsStack", "Outputs.UseTable"]},
        {"Fn::ImportValue": {"Fn::Sub": "${AppName}-${EnvName}-AppPolicy"}},
    ]
