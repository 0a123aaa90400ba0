"""The weights in samconfig.toml, and which stack it deploys to an environment."""

import shutil
import tomllib
from pathlib import Path

import pytest

from portable.errors import PortableError
from portable.shift.deployment import Deployment, deployment, write_weights
from portable.weights import Weights

ALB = """# before
version = 0.1

[alb.global.parameters]
stack_name = "balancer" # inherited

[alb.deploy.parameters]
template_file = "alb/template.yaml"
{settings}
"""


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    shutil.copy(root / "samconfig.toml", tmp_path)
    return tmp_path


def place(section: str, command: str = "deploy") -> tuple[str, ...]:
    return (section, command, "parameters", "parameter_overrides")


def write(folder: Path, settings: str) -> Path:
    path = folder / "samconfig.toml"
    path.write_text(ALB.format(settings=settings))
    return path


@pytest.mark.parametrize(
    ("environment", "section", "alarms"),
    [("test", "alb-test", "alarms-test"), ("prod", "alb-prod", "alarms-prod")],
)
def test_the_project_names_the_stack_of_each_environment(
    root: Path, environment: str, section: str, alarms: str
) -> None:
    found = deployment(root, environment)
    assert found == Deployment(section, place(section), f"portable-api-alb-{environment}", alarms)


def test_an_environment_that_is_not_deployed_is_refused(root: Path) -> None:
    known = r"to 'test' \(alb-test\), 'prod' \(alb-prod\), not to 'x'"
    with pytest.raises(PortableError, match=known):
        deployment(root, "x")


def test_region_and_profile_are_those_of_the_section(tmp_path: Path) -> None:
    settings = 'region = "eu-west-1"\nprofile = "work"\nparameter_overrides = {EnvName = "test"}'
    write(tmp_path, settings)
    found = deployment(tmp_path, "test")
    assert (found.stack, found.region, found.profile) == ("balancer", "eu-west-1", "work")


@pytest.mark.parametrize(
    "settings",
    [
        'parameter_overrides = "EnvName=test LambdaWeight=1"',
        "parameter_overrides = \"EnvName='test'\"",
        'parameter_overrides = ["EnvName=test", "LambdaWeight=1"]',
    ],
)
def test_overrides_that_are_no_table_are_read_and_written_by_hand(
    tmp_path: Path, settings: str
) -> None:
    path = write(tmp_path, settings)
    before = path.read_text()
    assert deployment(tmp_path, "test").section == "alb"
    assert write_weights(tmp_path, place("alb"), Weights(20, 80)) == (
        "samconfig.toml: set LambdaWeight = 20, FargateWeight = 80 in "
        "[alb.deploy.parameters.parameter_overrides] by hand, or the next deployment undoes this: "
        "it is not a table."
    )
    assert path.read_text() == before


def test_parameters_that_are_global_are_written_there(tmp_path: Path) -> None:
    path = tmp_path / "samconfig.toml"
    path.write_text(
        "[alb.global.parameters]\nstack_name = 'x'\ntemplate_file = './alb/template.yaml'\n"
        "parameter_overrides = { EnvName = 'test' }\n"
    )
    found = deployment(tmp_path, "test")
    assert (found.stack, found.place) == ("x", place("alb", "global"))
    assert write_weights(tmp_path, found.place, Weights(1, 2)).startswith("samconfig.toml now has")
    written = tomllib.loads(path.read_text())["alb"]["global"]["parameters"]
    assert written["parameter_overrides"] == {
        "EnvName": "test",
        "LambdaWeight": 1,
        "FargateWeight": 2,
    }


def test_the_alarms_are_the_section_of_their_template(tmp_path: Path) -> None:
    path = write(tmp_path, 'parameter_overrides = {EnvName = "test"}')
    alarms = '[watch.deploy.parameters]\ntemplate_file = "alb/alarms.yaml"\n'
    path.write_text(path.read_text() + alarms + 'parameter_overrides = {EnvName = "test"}\n')
    assert deployment(tmp_path, "test").alarms == "watch"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("version = ", "is not TOML"),
        (
            "[alb.deploy.parameters]\ntemplate_file = 'alb/template.yaml'\n",
            r"to None \(alb\), not to 'test'",
        ),
        (
            "[alb.deploy.parameters]\ntemplate_file = 'alb/template.yaml'\n"
            "parameter_overrides = 'EnvName=test'\n",
            "has no alb.global.parameters.stack_name",
        ),
    ],
)
def test_a_file_without_the_deployment_is_refused(tmp_path: Path, text: str, error: str) -> None:
    (tmp_path / "samconfig.toml").write_text(text)
    with pytest.raises(PortableError, match=error):
        deployment(tmp_path, "test")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PortableError, match=r"cannot read .*samconfig\.toml: No such file"):
        deployment(tmp_path, "test")


def test_only_the_two_numbers_change(project: Path) -> None:
    path = project / "samconfig.toml"
    before = path.read_text()
    path.chmod(0o640)
    assert write_weights(project, place("alb-prod"), Weights(25, 75)) == (
        "samconfig.toml now has LambdaWeight = 25, FargateWeight = 75: commit it, or the next "
        "deployment undoes this."
    )
    start = before.index("[alb-prod.deploy.parameters.parameter_overrides]")
    expected = before[start:].replace("LambdaWeight = 50", "LambdaWeight = 25")
    expected = expected.replace("FargateWeight = 50", "FargateWeight = 75")
    assert path.read_text() == before[:start] + expected
    assert path.stat().st_mode & 0o777 == 0o640
    assert [file.name for file in project.iterdir()] == ["samconfig.toml"]


def test_an_inline_table_keeps_its_other_parameters_and_its_comment(tmp_path: Path) -> None:
    path = write(tmp_path, 'parameter_overrides = { EnvName = "test" } # why')
    assert write_weights(tmp_path, place("alb"), Weights(1, 2))
    overrides = tomllib.loads(path.read_text())["alb"]["deploy"]["parameters"][
        "parameter_overrides"
    ]
    assert overrides == {"EnvName": "test", "LambdaWeight": 1, "FargateWeight": 2}
    assert "# why" in path.read_text() and "# before" in path.read_text()


def test_windows_line_ends_stay(project: Path) -> None:
    path = project / "samconfig.toml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    before = path.read_bytes()
    assert write_weights(project, place("alb-test"), Weights(49, 51))
    changed = before.replace(b"LambdaWeight = 50", b"LambdaWeight = 49", 1)
    assert path.read_bytes() == changed.replace(b"FargateWeight = 50", b"FargateWeight = 51", 1)


def test_weights_that_it_has_already_are_not_told(project: Path) -> None:
    assert write_weights(project, place("alb-test"), Weights(50, 50)) == ""


def test_a_section_that_is_gone_is_told(project: Path) -> None:
    assert write_weights(project, place("gone"), Weights(1, 2)).endswith("it has no such table.")


def test_a_folder_that_cannot_be_written_is_told(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    before = (project / "samconfig.toml").read_text()
    assert write_weights(project, place("alb-test"), Weights(1, 2)).endswith(
        "it cannot be written (Permission denied)."
    )
    assert (project / "samconfig.toml").read_text() == before
    assert [file.name for file in project.iterdir()] == ["samconfig.toml"]
