"""Templates rendered offline."""

from pathlib import Path

import pytest

from portable.errors import PortableError
from portable.manifests.cloudformation import render

TEMPLATE = """
Parameters:
  EnvName: {Type: String, AllowedValues: [test, prod]}
  Weight: {Type: Number, Default: 50, MinValue: 0, MaxValue: 999}
Rules:
  Some:
    Assertions:
      - Assert: !Not [!Equals [!Ref Weight, '0']]
        AssertDescription: Weight is 0.
Conditions:
  IsProd: !Equals [!Ref EnvName, prod]
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      TopicName: !Sub '${EnvName}-${Weight}'
      DisplayName: {'Fn::ImportValue': !Sub '${EnvName}-export'}
      List: [one, !If [IsProd, two, !Ref AWS::NoValue]]
  Queue:
    Type: AWS::SQS::Queue
    Condition: IsProd
Outputs:
  Alias: {Value: !Ref Function.Alias}
"""


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    return path


@pytest.mark.parametrize(
    ("environment", "resources", "items"),
    [("test", {"Topic"}, ["one"]), ("prod", {"Topic", "Queue"}, ["one", "two"])],
)
def test_render(template, environment, resources, items):
    rendered = render(template, {"EnvName": environment})["Resources"]
    assert set(rendered) == resources
    properties = rendered["Topic"]["Properties"]
    assert properties["TopicName"] == f"{environment}-50"
    assert properties["DisplayName"] == f"{environment}-export"  # an import is its own name
    assert properties["List"] == items


@pytest.mark.parametrize(
    ("parameters", "parts"),
    [
        ({}, ["EnvName"]),
        ({"EnvName": "staging"}, ["EnvName", "staging"]),
        ({"EnvName": "test", "Weight": "1000"}, ["Weight", "1000"]),
        ({"EnvName": "test", "Weight": "-1"}, ["Weight", "-1"]),
        ({"EnvName": "test", "Wait": "1"}, ["Wait"]),
        ({"EnvName": "test", "Weight": "0"}, ["Weight is 0."]),
    ],
)
def test_parameters_that_are_refused(template, capsys, parameters, parts):
    with pytest.raises(PortableError) as error:
        render(template, parameters)
    message = error.value.format_message()
    for part in ("template.yaml: ", *parts):
        assert part in message
    assert (message.count("\n"), message.count("..")) == (0, 0)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("text", ["a: [", "just text", "[]", "Resources: !Nothing x"])
def test_what_is_not_a_template(template, text):
    template.write_text(text)
    with pytest.raises(PortableError, match=r"template\.yaml"):
        render(template, {})
