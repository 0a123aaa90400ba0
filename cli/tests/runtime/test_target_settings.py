"""What the targets themselves read, refused by name."""

import os

import pytest

from portable_runtime.settings import SettingsError
from portable_runtime.target_settings import ServerSettings, TargetSettings

ECS = {"EXECUTION_ENVIRONMENT": "ecs"}


@pytest.fixture
def environment(monkeypatch):
    """Set the environment variables, and no others."""

    def set_all(given: dict[str, str]) -> None:
        for name in os.environ:
            monkeypatch.delenv(name)
        for name, value in given.items():
            monkeypatch.setenv(name, value)

    return set_all


def test_defaults(environment):
    environment(ECS)
    settings = ServerSettings()
    assert settings.model_dump() == {
        "execution_environment": "ecs",
        "log_level": "INFO",
        "asgi_app": "app.main:app",
        "on_event": "",
        "host": "0.0.0.0",  # noqa: S104
        "port": 8080,
        "keep_alive_seconds": 75,
        "graceful_shutdown_seconds": 25,
        "forwarded_allow_ips": "127.0.0.1",
        "limit_concurrency": 1000,
        "side_header": False,
        "tracing": False,
        "max_body_bytes": 10_485_760,
        "request_timeout_seconds": 29,
    }


def test_every_variable_is_read_and_others_are_not(environment):
    given = {
        "EXECUTION_ENVIRONMENT": "lambda",
        "LOG_LEVEL": "DEBUG",
        "ASGI_APP": "package.main:api.app",
        "ON_EVENT": "package.events:on_event",
        "HOST": "::1",
        "PORT": "9000",
        "KEEP_ALIVE_SECONDS": "90",
        "GRACEFUL_SHUTDOWN_SECONDS": "5",
        "FORWARDED_ALLOW_IPS": "10.0.0.0/24,10.0.1.0/24",
        "LIMIT_CONCURRENCY": "50",
        "SIDE_HEADER": "True",
        "TRACING": "True",
        "MAX_BODY_BYTES": "0",
        "REQUEST_TIMEOUT_SECONDS": "5",
    }
    environment(given | {"OTHER": "y"})
    settings = ServerSettings()
    assert {key.upper(): str(value) for key, value in settings.model_dump().items()} == given


def test_the_lambda_side_does_not_read_the_servers_variables(environment):
    environment({"EXECUTION_ENVIRONMENT": "lambda", "PORT": "none"})
    TargetSettings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EXECUTION_ENVIRONMENT", "fargate"),
        ("EXECUTION_ENVIRONMENT", ""),
        ("EXECUTION_ENVIRONMENT", "local"),
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
        ("LIMIT_CONCURRENCY", "0"),
        ("MAX_BODY_BYTES", "-1"),
        ("MAX_BODY_BYTES", "10 MB"),
        ("REQUEST_TIMEOUT_SECONDS", "0"),
        ("FORWARDED_ALLOW_IPS", "*"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.0/24,*"),
        ("FORWARDED_ALLOW_IPS", "0.0.0.0/0"),  # the wildcard in other words
        ("FORWARDED_ALLOW_IPS", "0.0.0.0/1,128.0.0.0/1"),  # and in two halves
        ("FORWARDED_ALLOW_IPS", "10.0.0.0/8,::/1,8000::/1"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.0/33"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.0/24;10.0.1.0/24"),
    ],
)
def test_a_bad_value_is_named(environment, name, value):
    environment(ECS | {name: value})
    with pytest.raises(SettingsError) as error:
        ServerSettings()
    message = str(error.value)
    assert message.startswith(f"{name} is {value!r}: ")
    assert message.endswith(".")
    assert "value error" not in message.lower()


def test_a_missing_environment_names_the_values(environment):
    environment({})
    with pytest.raises(SettingsError) as error:
        TargetSettings()
    assert str(error.value) == "EXECUTION_ENVIRONMENT is not set: it should be 'lambda' or 'ecs'."


def test_every_fault_is_named_at_once(environment):
    environment(ECS | {"LOG_LEVEL": "x", "PORT": "y"})
    with pytest.raises(SettingsError, match=r"LOG_LEVEL is 'x'.*PORT is 'y'"):
        ServerSettings()


def test_settings_do_not_change(environment):
    environment(ECS)
    with pytest.raises(ValueError, match="frozen"):
        TargetSettings().log_level = "DEBUG"
