"""What the app may do on both sides, by the roles as SAM and Copilot render them."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from portable.check.manifests import variables
from portable.check.project import Project
from portable.check.rendering import copilot_package
from portable.check.rights import rights

PATCHES = "copilot/api/overrides/cfn.patches.yml"
SAM = "template.yaml"
FUNCTION = f"{SAM}: ExecutionRole.Properties"
TASKS = f"{PATCHES}: /Resources/TaskRole/Properties"
Change = Callable[[str, str, str], None]


@pytest.fixture
def found(project: Project) -> Callable[[], list[str]]:
    def found() -> list[str]:
        checked = replace(project, environments=("test",))
        assert list(copilot_package(checked)) == []
        return [problem.text for problem in rights(checked)]

    return found


def test_both_roles_have_the_same(found: Callable[[], list[str]]) -> None:
    assert found() == []


def test_a_policy_that_only_the_tasks_have(change: Change, found: Callable[[], list[str]]) -> None:
    change(
        SAM,
        "      ManagedPolicyArns:\n        - Fn::ImportValue: !Sub ${AppName}-${EnvName}-AppPolicy",
        "      Description: without",
    )
    assert found() == [
        f"{TASKS}.ManagedPolicyArns has portable-api-test-AppPolicy, "
        f"but {FUNCTION}.ManagedPolicyArns has not."
    ]


def test_a_policy_that_only_the_function_has(
    change: Change, found: Callable[[], list[str]]
) -> None:
    change(PATCHES, "'${AppName}-${EnvName}-AppPolicy'", "'${AppName}-${EnvName}-Other'")
    assert found() == [
        f"{FUNCTION}.ManagedPolicyArns has portable-api-test-AppPolicy, "
        f"but {TASKS}.ManagedPolicyArns has not.",
        f"{TASKS}.ManagedPolicyArns has portable-api-test-Other, "
        f"but {FUNCTION}.ManagedPolicyArns has not.",
    ]


READ = "Effect: Allow, Action: 's3:GetObject', Resource: 'arn:aws:s3:::b/*'"
DOCUMENT = f"{{Version: '2012-10-17', Statement: [{{{READ}}}]}}"
LAST = "                Resource: !GetAtt LogGroup.Arn\n"  # of the function's own policies


@pytest.mark.parametrize(
    ("place", "more"),
    [
        (LAST, f"{LAST}        - {{PolicyName: Read, PolicyDocument: {DOCUMENT}}}\n"),
        (
            LAST,
            f"{LAST}        - !If [HasReservedConcurrency, !Ref AWS::NoValue, "
            f"{{PolicyName: Read, PolicyDocument: {DOCUMENT}}}]\n",
        ),
        (
            "\nOutputs:\n",
            "\n  Read:\n    Type: AWS::IAM::Policy\n    Properties:\n      PolicyName: Read\n"
            f"      Roles: [!Ref ExecutionRole]\n      PolicyDocument: {DOCUMENT}\n\nOutputs:\n",
        ),
    ],
    ids=["inline", "on a condition", "attached"],
)
def test_an_action_that_the_function_has_by_another_way(
    change: Change, found: Callable[[], list[str]], place: str, more: str
) -> None:
    change(SAM, place, more)
    assert found() == [f"{FUNCTION}.Policies allows s3:GetObject, but {TASKS}.Policies does not."]


def test_the_role_that_sam_makes_is_looked_at(
    change: Change, found: Callable[[], list[str]]
) -> None:
    change(SAM, "      Role: !GetAtt ExecutionRole.Arn\n", f"      Policies: [{DOCUMENT}]\n")
    place = f"{SAM}: ApiFunctionRole.Properties"
    assert found() == [
        f"{place}.Policies allows s3:GetObject, but {TASKS}.Policies does not.",
        f"{TASKS}.ManagedPolicyArns has portable-api-test-AppPolicy, "
        f"but {place}.ManagedPolicyArns has not.",
    ]


@pytest.mark.parametrize(("effect", "does"), [("Allow", "allows"), ("Deny", "denies")])
def test_an_action_that_the_tasks_have_by_another_way(
    change: Change, found: Callable[[], list[str]], effect: str, does: str
) -> None:
    statement = f"Effect: {effect}, Action: 'sqs:SendMessage', Resource: '*'"
    document = "{PolicyName: Queue, PolicyDocument: {Version: '2012-10-17', Statement: [{%s}]}}"
    path = "/Resources/TaskRole/Properties/Policies/-"
    patch = f"- op: add\n  path: {path}\n  value: {document % statement}\n"
    change(PATCHES, "# A task that still starts", f"{patch}\n# A task that still starts")
    assert found() == [
        f"{TASKS}.Policies {does} sqs:SendMessage, but {FUNCTION}.Policies does not."
    ]


ADDON = f"""\
Parameters: {{App: {{Type: String}}, Env: {{Type: String}}, Name: {{Type: String}}}}
Resources:
  Read:
    Type: AWS::IAM::ManagedPolicy
    Properties: {{PolicyDocument: {DOCUMENT}}}
Outputs: {{Read: {{Value: !Ref Read}}}}
"""


def test_an_addon_whose_policy_a_patch_drops(
    project: Project, change: Change, found: Callable[[], list[str]]
) -> None:
    (project.root / "copilot/api/addons").mkdir()
    (project.root / "copilot/api/addons/read.yml").write_text(ADDON)
    [text] = found()
    assert text.startswith("copilot/api/addons puts out the policy Read, which the tasks do not")
    change(
        PATCHES, "ManagedPolicyArns\n  value:\n    - Fn", "ManagedPolicyArns/-\n  value:\n      Fn"
    )
    assert found() == [f"{TASKS}.Policies allows s3:GetObject, but {FUNCTION}.Policies does not."]
    change(SAM, LAST, f"{LAST}        - {{PolicyName: Read, PolicyDocument: {DOCUMENT}}}\n")
    assert found() == []


def test_what_is_marked_may_differ_and_a_mark_of_nothing_is_told(
    project: Project, change: Change, found: Callable[[], list[str]]
) -> None:
    change(PATCHES, "'${AppName}-${EnvName}-AppPolicy'", "'${AppName}-${EnvName}-Other'")
    change(SAM, LAST, f"{LAST}        - {{PolicyName: Read, PolicyDocument: {DOCUMENT}}}\n")
    with (project.root / "pyproject.toml").open("a") as file:
        file.write('\n[tool.portable]\ndifferent = ["s3:*", "portable-api-*", "sns:Publish"]\n')
    assert found() == [
        "pyproject.toml: [tool.portable] different has 'sns:Publish', "
        "an action or a policy that neither side has."
    ]
    assert list(variables(project)) == []  # they are no variables
