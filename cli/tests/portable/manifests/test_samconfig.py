"""What `sam deploy` is given by samconfig.toml, in each notation that SAM takes."""

from pathlib import Path

import click
import pytest
from samcli.cli.types import CfnParameterOverridesType
from samcli.lib.config.samconfig import SamConfig

from portable.errors import PortableError
from portable.manifests.samconfig import Samconfig, deploy_parameters

CONFIG = """
version = 0.1
[default.deploy.parameters]
parameter_overrides = 'EnvName=test "Label=two words"'
[prod.deploy.parameters]
parameter_overrides = ["EnvName=prod", "Label=a=b"]
[alb.deploy.parameters]
template_file = "alb/template.yaml"
parameter_overrides = { EnvName = "test", Weight = 5 }
[alb.global.parameters]
stack_name = "x"
"""


@pytest.fixture
def samconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "samconfig.toml"
    path.write_text(CONFIG)
    return path


@pytest.mark.parametrize(
    ("template_file", "environment", "expected"),
    [
        ("template.yaml", "test", {"EnvName": "test", "Label": "two words"}),
        ("template.yaml", "prod", {"EnvName": "prod", "Label": "a=b"}),
        ("alb/template.yaml", "test", {"EnvName": "test", "Weight": "5"}),
    ],
)
def test_deploy_parameters_in_each_notation(samconfig, template_file, environment, expected):
    assert deploy_parameters(samconfig, template_file, environment) == expected


@pytest.mark.parametrize(
    ("template_file", "message"),
    [
        ("alb/template.yaml", "deploys alb/template.yaml to 'test' (alb), not to 'prod'."),
        ("other.yaml", "deploys other.yaml to nowhere, not to 'prod'."),
    ],
)
def test_an_environment_that_is_not_deployed(samconfig, template_file, message):
    with pytest.raises(PortableError) as error:
        deploy_parameters(samconfig, template_file, "prod")
    assert error.value.format_message() == f"samconfig.toml {message}"


@pytest.mark.parametrize("overrides", ['"nonsense"', '["nonsense"]', '"a=\'b"', "5"])
def test_overrides_that_are_none(samconfig, overrides):
    samconfig.write_text(f"[default.deploy.parameters]\nparameter_overrides = {overrides}\n")
    with pytest.raises(PortableError, match=r"samconfig\.toml.*parameter_overrides"):
        deploy_parameters(samconfig, "template.yaml", "test")


def test_what_is_global_is_of_every_command_and_its_own_goes_before(samconfig):
    samconfig.write_text("""
[alb.global.parameters]
template_file = "./alb/template.yaml"
region = "eu-west-1"
parameter_overrides = { EnvName = "prod" }
[alb.deploy.parameters]
parameter_overrides = { EnvName = "test", Subnets = ["a", "b"], Logs = true }
[balancer.global.parameters]
template_file = "alb/template.yaml"
parameter_overrides = "EnvName=prod"
""")
    expected = {"EnvName": "test", "Subnets": "a,b", "Logs": "True"}
    assert deploy_parameters(samconfig, "alb/template.yaml", "test") == expected
    assert deploy_parameters(samconfig, "alb/template.yaml", "prod") == {"EnvName": "prod"}
    first, second = Samconfig(samconfig).sections()
    assert first.settings["region"] == "eu-west-1"
    assert [section.place[:2] for section in (first, second)] == [
        ("alb", "deploy"),
        ("balancer", "global"),
    ]


def test_sections_are_read_as_sam_reads_them(root):
    from samcli.lib.config.samconfig import SamConfig

    sam = SamConfig(root)
    sections = list(Samconfig(root / "samconfig.toml").sections())
    assert len(sections) == 8
    for section in sections:
        given = sam.get_all(["deploy"], "parameters", section.name)
        assert section.settings == given.unwrap()


def test_sam_sends_what_the_file_says_and_empty_values_too(root):
    """Left out, a parameter keeps its last value: an empty one has to be sent as such."""
    sections = list(Samconfig(root / "samconfig.toml").sections())
    assert {"", "50"} <= {value for section in sections for value in section.parameters.values()}
    for section in sections:
        options = SamConfig(root).get_all(["deploy"], "parameters", section.name)
        sent = CfnParameterOverridesType().convert(options["parameter_overrides"], None, None)
        assert sent == section.parameters


def test_sam_sends_no_empty_value_of_a_string_and_refuses_one_in_a_list():
    """Why the file has tables, and the check asks for them."""
    sent = CfnParameterOverridesType().convert(("A=1 B= C=3",), None, None)
    assert sent == {"A": "1", "C": "3"}
    with pytest.raises(click.BadParameter):
        CfnParameterOverridesType().convert(["A=1", "B="], None, None)
