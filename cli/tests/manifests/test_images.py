"""The commands that let old images expire and new ones be scanned, given to an emulated AWS.

AWS's own command is no package of ours; its options are the API's parameters, so boto3 stands in.
"""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name
from moto import mock_aws
from samcli.lib.bootstrap.companion_stack.data_types import CompanionStack, ECRRepo

OPERATE = (Path(__file__).parents[2] / "docs/operate.md").read_text()
(CHAPTER,) = re.findall(r"^## Images\n(.*?)(?=^## |\Z)", OPERATE, re.MULTILINE | re.DOTALL)
COMMANDS = [shlex.split(line) for line in re.findall(r"^aws .*$", CHAPTER, re.MULTILINE)]


def give(words: list[str]) -> Any:
    """Return what AWS answers to `aws SERVICE OPERATION --OPTION VALUE ...`."""
    _, service, operation, *options = words
    client = boto3.client(service, region_name="us-east-1")
    method = operation.replace("-", "_")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
    names = {xform_name(name, "-"): name for name in shape.input_shape.members}
    given = dict(zip(options[::2], options[1::2], strict=True))
    output = {given.pop(option, None) for option in ("--query", "--output")}
    assert output <= {None, "repositories[].repositoryName", "text"}
    lists = {name for name, kind in shape.input_shape.members.items() if kind.type_name == "list"}
    values = {names[key[2:]]: value for key, value in given.items()}
    return getattr(client, method)(
        **{name: json.loads(value) if name in lists else value for name, value in values.items()}
    )


def test_commands_are_accepted_by_ecr(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "offline")
    look, put, scan = COMMANDS
    name = put[put.index("--repository-name") + 1]
    with mock_aws():
        ecr = boto3.client("ecr", region_name="us-east-1")
        ecr.create_repository(repositoryName=name)
        assert [found["repositoryName"] for found in give(look)["repositories"]] == [name]
        give(put)
        policy = json.loads(ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"])
        give(scan)
        scanned = ecr.get_registry_scanning_configuration()["scanningConfiguration"]
    (rule,) = policy["rules"]
    assert rule["selection"]["countNumber"] == 30, "as the text says"
    assert rule["action"] == {"type": "expire"}
    [every] = scanned["rules"]
    assert (scanned["scanType"], every["scanFrequency"]) == ("BASIC", "SCAN_ON_PUSH")
    assert every["repositoryFilters"] == [{"filter": "*", "filterType": "WILDCARD"}]


def test_name_of_the_repository_of_sam_begins_with_that_of_its_stack() -> None:
    name = ECRRepo(CompanionStack("portable-api-lambda-test"), "ApiFunction").physical_id
    assert name.startswith("portableapilambdatest")
