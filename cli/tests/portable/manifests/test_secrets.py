"""Secrets: declared on each side, filled from .env, compared by name."""

import shutil
from pathlib import Path

import pytest

from portable.errors import PortableError
from portable.manifests.secrets import env_file, filled
from portable.manifests.system import System, load
from tests.portable.secret_manifests import FARGATE_SECRETS, LAMBDA_SECRETS, declare

SERVICE = "copilot/api/manifest.yml"
PLACE = "template.yaml: ApiFunction.Properties.Environment.Variables"


@pytest.fixture
def copy(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "template.yaml",
        "samconfig.toml",
        "alb/template.yaml",
        "copilot/.workspace",
        SERVICE,
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def system(copy: Path) -> System:
    declare(copy, LAMBDA_SECRETS, FARGATE_SECRETS)
    return load(copy, "test", {})


def test_each_side_says_where_a_secret_is(system):
    assert system.function.secrets == {
        "DATABASE_PASSWORD": "{{resolve:secretsmanager:portable-api/test/database}}",
        "API_KEY": "{{resolve:ssm:/portable-api/api-key}}",
    }
    assert system.service.secrets.keys() == {"DATABASE_PASSWORD", "API_KEY"}
    for variables in (system.function.environment, system.service.variables):
        assert "LOG_LEVEL" in variables
        assert not variables.keys() & system.secrets


def test_a_variable_with_a_secret_in_it_is_one(copy):
    url = "'postgresql://app:{{resolve:secretsmanager:db:SecretString:password}}@db/app'"
    declare(copy, {"DATABASE_URL": url}, "secrets: {DATABASE_URL: {from_cfn: exported}}\n")
    system = load(copy, "test", {})
    assert system.secrets == {"DATABASE_URL"}
    assert system.service.secrets == {"DATABASE_URL": "from_cfn exported"}


def test_the_secrets_of_one_environment(copy):
    override = "environments:\n  test:\n    secrets:\n      ONLY_HERE: /test/only\n"
    text = (copy / SERVICE).read_text()
    (copy / SERVICE).write_text(text.replace("environments:\n  test:\n", override))
    assert load(copy, "test", {}).secrets == {"ONLY_HERE"}
    assert load(copy, "prod", {}).secrets == set()


def test_values_come_from_the_file_and_each_side_gets_its_own(copy):
    declare(copy, {"ONE": "'{{resolve:ssm:one}}'", "BOTH": "'{{resolve:ssm:both}}'"}, "")
    text = (copy / SERVICE).read_text()
    (copy / SERVICE).write_text(f"secrets: {{BOTH: both}}\n{text}")
    (copy / ".env").write_text("ONE=1\nBOTH='of the file'\nLOG_LEVEL=DEBUG\n")
    system = filled(load(copy, "test", {}), copy, {"BOTH": "given"})
    assert system.function.environment["ONE"] == "1"
    assert system.function.environment["BOTH"] == system.service.variables["BOTH"] == "given"
    assert "ONE" not in system.service.variables
    assert system.function.environment["LOG_LEVEL"] == "INFO"  # the manifest's: it is no secret


def test_a_missing_one_is_named_with_its_places_and_the_ways_to_give_it(copy, system):
    (copy / ".env").write_text("API_KEY=\nOTHER=x\n")
    with pytest.raises(PortableError) as error:
        filled(system, copy, {})
    how = "add {0}=VALUE to .env, which git ignores, or give --variable {0}=VALUE"
    assert error.value.format_message().splitlines() == [
        f"{name} is a secret of {PLACE} and {SERVICE}: secrets and has no value here: "
        f"{how.format(name)}."
        for name in ("API_KEY", "DATABASE_PASSWORD")
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("KEY=a$b${c}", "a$b${c}"),
        ("export KEY='a b'", "a b"),
        ("KEY=", ""),
        ("KEY", ""),
        ('KEY="two\nlines"  # why', "two\nlines"),
    ],
)
def test_values_are_taken_as_they_stand(tmp_path, text, value):
    path = tmp_path / ".env"
    path.write_text(f"# a comment\n\n{text}\n")
    assert env_file(path) == {"KEY": value}


def test_a_line_of_another_form_is_named_and_not_shown(tmp_path):
    path = tmp_path / ".env"
    path.write_text("KEY=1\n\nKEY='hunter2\n")
    with pytest.raises(PortableError, match=r"^\.env: line 3 cannot be read") as error:
        env_file(path)
    assert "hunter2" not in error.value.format_message()


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(PortableError, match="cannot read folder: Is a directory"):
        env_file(tmp_path / "folder")
    assert env_file(tmp_path / "nothing") == {}


@pytest.mark.parametrize(
    ("declared", "part"),
    [
        ("secrets: [A]\n", "secrets is ['A']"),
        ("secrets: {A: 1}\n", "secrets.A is 1, expected the name of an SSM parameter"),
        ("secrets: {A: {one: 1, two: 2}}\n", "secrets.A is "),
    ],
)
def test_another_form_is_refused(copy, declared, part):
    declare(copy, {}, declared)
    with pytest.raises(PortableError) as error:
        load(copy, "test", {})
    assert f"{SERVICE}: {part}" in error.value.format_message()
