"""What samconfig.toml leaves out is named, and `sam deploy` gets what it says."""

import shutil
from pathlib import Path

import pytest
from samcli.cli.types import CfnParameterOverridesType
from samcli.lib.config.samconfig import SamConfig

from portable.manifests.completeness import faults
from portable.manifests.samconfig import Samconfig

PLACE = "samconfig.toml: alb.deploy.parameters.parameter_overrides"


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    (tmp_path / "alb").mkdir()
    for name in ("samconfig.toml", "template.yaml", "alb/template.yaml", "alb/alarms.yaml"):
        shutil.copy(root / name, tmp_path / name)
    return tmp_path


def edit(copy: Path, old: str, new: str, name: str = "samconfig.toml") -> None:
    text = (copy / name).read_text()
    assert old in text
    (copy / name).write_text(text.replace(old, new, 1))


def test_the_file_of_this_repository_is_complete(root):
    assert faults(root) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            'CertificateArn = ""                # empty: HTTP only\n',
            "",
            f"{PLACE} lacks CertificateArn, a parameter of alb/template.yaml: "
            "`sam deploy` would keep the value of the last deployment.",
        ),
        (
            'AccessLogs = "disabled"\n',
            'AccessLogs = "disabled"\nAccessLog = "disabled"\n',
            f"{PLACE} has AccessLog, which alb/template.yaml does not have.",
        ),
        (
            'stack_name = "portable-api-alb-test"\n',
            "",
            "samconfig.toml: alb has no stack_name.",
        ),
        (
            "resolve_s3 = true ",
            "# ",
            "samconfig.toml: default has no resolve_s3 = true: "
            "`sam deploy` refuses to go without a bucket.",
        ),
        (
            "resolve_image_repos = true ",
            "# ",
            "samconfig.toml: default has no resolve_image_repos = true: "
            "there is nowhere to push the image.",
        ),
        (
            'capabilities = "CAPABILITY_IAM"    # the role of the failover\n',
            "",
            'samconfig.toml: alarms has no capabilities = "CAPABILITY_IAM", '
            "but alb/alarms.yaml makes roles.",
        ),
    ],
)
def test_what_is_left_out_is_named(copy, old, new, fault):
    edit(copy, old, new)
    assert faults(copy) == [fault]


def test_a_new_parameter_is_missing_everywhere(copy):
    edit(copy, "  TopicArn:\n", "  Colour: {Type: String}\n  TopicArn:\n", "alb/alarms.yaml")
    sections = ("alarms", "alarms-prod")
    assert [fault.partition(", ")[0] for fault in faults(copy)] == [
        f"samconfig.toml: {name}.deploy.parameters.parameter_overrides lacks Colour"
        for name in sections
    ]


def test_an_environment_needs_every_stack(copy):
    text = (copy / "samconfig.toml").read_text()
    third = text[: text.index("# sam deploy --config-env alarms\n")].partition("version = 0.1")[2]
    third = third.replace("-test", "-stage").replace('"test"', '"stage"').replace("[", "[stage-")
    third = third[: third.index("# sam build && sam deploy --config-env prod")]
    (copy / "samconfig.toml").write_text(text + third)
    assert faults(copy) == [
        "samconfig.toml has no section that deploys alb/alarms.yaml to 'stage'.",
        "samconfig.toml has no section that deploys alb/template.yaml to 'stage'.",
    ]


@pytest.mark.parametrize("notation", ["'EnvName=test Rollout= AppName=a'", '["EnvName=test"]'])
def test_only_a_table_can_hold_an_empty_value(copy, notation):
    (copy / "samconfig.toml").write_text(
        '[x.deploy.parameters]\nstack_name = "x"\nresolve_image_repos = true\nresolve_s3 = true\n'
        f'capabilities = "CAPABILITY_IAM"\nparameter_overrides = {notation}\n'
    )
    assert any("expected a table" in fault for fault in faults(copy))


def test_sam_sends_what_the_file_says_and_empty_values_too(root):
    """Left out, a parameter keeps its last value: an empty one has to be sent as such."""
    path = root / "samconfig.toml"
    sections = list(Samconfig(path).sections())
    assert {"", "50"} <= {value for section in sections for value in section.parameters.values()}
    for section in sections:
        options = SamConfig(root).get_all(["deploy"], "parameters", section.name)
        sent = CfnParameterOverridesType().convert(options["parameter_overrides"], None, None)
        assert sent == section.parameters


@pytest.mark.parametrize("notation", ["A=1 B=", "A=1 B= C=3"])
def test_in_a_string_sam_leaves_an_empty_value_out(notation):
    """Why the check asks for a table."""
    assert "B" not in CfnParameterOverridesType().convert((notation,), None, None)
