"""BaseSettings: read once from a mapping, refused by name."""

import pytest

from portable_runtime.settings import BaseSettings, ServerSettings, SettingsError

ECS = {"EXECUTION_ENVIRONMENT": "ecs"}


def test_defaults():
    settings = ServerSettings.from_environment(ECS)
    assert settings.model_dump() == {
        "execution_environment": "ecs",
        "log_level": "INFO",
        "asgi_app": "app.main:app",
        "host": "0.0.0.0",  # noqa: S104
        "port": 8080,
        "keep_alive_seconds": 75,
        "graceful_shutdown_seconds": 25,
        "forwarded_allow_ips": "127.0.0.1",
    }


def test_every_variable_is_read_and_others_are_not():
    given = {
        "EXECUTION_ENVIRONMENT": "lambda",
        "LOG_LEVEL": "DEBUG",
        "ASGI_APP": "package.main:api.app",
        "HOST": "::1",
        "PORT": "9000",
        "KEEP_ALIVE_SECONDS": "90",
        "GRACEFUL_SHUTDOWN_SECONDS": "5",
        "FORWARDED_ALLOW_IPS": "10.0.0.0/24,10.0.1.0/24",
    }
    settings = ServerSettings.from_environment(given | {"log_level": "x", "OTHER": "y"})
    assert {key.upper(): str(value) for key, value in settings.model_dump().items()} == given


def test_the_lambda_side_does_not_read_the_servers_variables():
    BaseSettings.from_environment({"EXECUTION_ENVIRONMENT": "lambda", "PORT": "none"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EXECUTION_ENVIRONMENT", "fargate"),
        ("EXECUTION_ENVIRONMENT", ""),
        ("LOG_LEVEL", "info"),
        ("LOG_LEVEL", "LOUD"),
        ("ASGI_APP", "main"),
        ("ASGI_APP", "main:"),
        ("ASGI_APP", "main app:app"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("KEEP_ALIVE_SECONDS", "0"),
        ("KEEP_ALIVE_SECONDS", "1.5"),
        ("GRACEFUL_SHUTDOWN_SECONDS", "-1"),
        ("GRACEFUL_SHUTDOWN_SECONDS", "long"),
        ("FORWARDED_ALLOW_IPS", "*"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.0/24,*"),
        ("FORWARDED_ALLOW_IPS", "0.0.0.0/0"),  # the wildcard in other words
        ("FORWARDED_ALLOW_IPS", "10.0.0.0/33"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.0/24;10.0.1.0/24"),
    ],
)
def test_a_bad_value_is_named(name, value):
    with pytest.raises(SettingsError) as error:
        ServerSettings.from_environment(ECS | {name: value})
    message = str(error.value)
    assert message.startswith(f"{name} is {value!r}: ")
    assert message.endswith(".")
    assert "value error" not in message.lower()


def test_a_missing_environment_names_the_values():
    with pytest.raises(SettingsError) as error:
        BaseSettings.from_environment({})
    assert str(error.value) == "EXECUTION_ENVIRONMENT is not set: it should be 'lambda' or 'ecs'."


def test_every_fault_is_named_at_once():
    with pytest.raises(SettingsError, match=r"LOG_LEVEL is 'x'.*PORT is 'y'"):
        ServerSettings.from_environment(ECS | {"LOG_LEVEL": "x", "PORT": "y"})


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        BaseSettings.from_environment(ECS).log_level = "DEBUG"
