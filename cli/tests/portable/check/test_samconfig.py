"""What `sam deploy` would refuse, ask for or ignore is found in samconfig.toml."""

import pytest

from portable.check.samconfig import samconfig, topics
from portable.manifests.problem import Severity

PLACE = "samconfig.toml: [default.deploy.parameters"


def test_that_of_this_repository_is_complete(project):
    assert list(samconfig(project)) == []


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ('Rollout = "AllAtOnce"\n', "", [PLACE, "lacks", 'Add Rollout = "AllAtOnce".']),
        ("LambdaWeight = 50\n", "", ["[alb-test.deploy", "lacks", "Add LambdaWeight = 50."]),
        (
            'Rollout = "AllAtOnce"',
            'Rollout = "AllAtOnce"\nRolout = "x"',
            [PLACE, "has Rolout", "no parameter of template.yaml", "AppName, EnvName"],
        ),
        ('"AllAtOnce"', '"Slowly"', [PLACE, "Rollout", "Slowly", "template.yaml"]),
        ("LambdaWeight = 50", "LambdaWeight = 1000", ["[alb-test.deploy", "'1000'", "0 to 999"]),
        (
            "LambdaWeight = 50\nFargateWeight = 50",
            "LambdaWeight = 0\nFargateWeight = 0",
            ["[alb-test.deploy", "both 0"],
        ),
        (
            'stack_name = "portable-api-alb-test"\n',
            "",
            ["[alb-test.global.parameters] has no stack_name"],
        ),
        (
            '"portable-api-alb-test"',
            '"portable-api-lambda-test"',
            ["'portable-api-lambda-test' in [default] and in [alb-test]"],
        ),
        ("resolve_s3 = true", "", [PLACE, "resolve_image_repos", "Add resolve_s3 = true."]),
        ("resolve_image_repos = true", "", [PLACE, "image", "Add resolve_image_repos = true."]),
        (
            'capabilities = "CAPABILITY_IAM"',
            "",
            [PLACE, "template.yaml", "makes an IAM resource", 'capabilities = "CAPABILITY_IAM"'],
        ),
        (
            "fail_on_empty_changeset = false",
            "",
            [PLACE, "fail_on_empty_changeset", "no change fails"],
        ),
        (
            "fail_on_empty_changeset = false",
            "fail_on_empty_changeset = false\nconfirm_changeset = true",
            [PLACE, "confirm_changeset", "Remove it"],
        ),
        ('template_file = "alb/template.yaml"', "", ["no section", "alb/template.yaml to 'test'"]),
    ],
)
def test_what_is_missing_or_refused(old, new, parts, project, change, find):
    change("samconfig.toml", old, new)
    assert [one for one in samconfig(project) if all(part in str(one) for part in parts)]


def test_a_role_with_a_name_needs_another_capability(project, change, find):
    change(
        "template.yaml",
        "    Type: AWS::IAM::Role\n    Properties:\n",
        "    Type: AWS::IAM::Role\n    Properties:\n      RoleName: mine\n",
    )
    find(samconfig(project), "[default.deploy", "ExecutionRole", "CAPABILITY_NAMED_IAM")


def test_a_template_that_is_too_long_needs_a_bucket(project, find):
    path = project.root / "alb/alarms.yaml"
    path.write_text(path.read_text() + "# " + "long " * 5000)
    find(samconfig(project), "[alarms-test.deploy", "51,200", "resolve_s3 = true")


def test_alarms_that_tell_nobody_are_a_warning(project):
    assert [problem.severity for problem in topics(project)] == [Severity.WARNING] * 2


def test_alarms_with_a_topic_are_none(project, change):
    arn = "arn:aws:sns:us-east-1:123456789012:pager"
    change("samconfig.toml", 'TopicArn = ""', f'TopicArn = "{arn}"')
    assert len(list(topics(project))) == 1
