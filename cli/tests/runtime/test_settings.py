"""An app's own settings: what people know of pydantic-settings, and sentences without values."""

import os
import subprocess
import sys

import pytest
from pydantic import BaseModel, Field, SecretStr

from portable_runtime.settings import BaseSettings, SettingsError
from tests.runtime.server_process import ROOT


class Database(BaseModel):
    host: str
    port: int = 5432


class Settings(BaseSettings):
    database_url: str
    api_key: SecretStr = Field(min_length=20)
    hosts: list[str] = Field([])
    ports: list[int] = Field([])
    database: Database | None = None


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """Settings that are complete, and a folder without a file `.env`."""
    monkeypatch.delenv("EXECUTION_ENVIRONMENT", raising=False)
    monkeypatch.setenv("DATABASE_URL", "postgres://user:hunter2@db")
    monkeypatch.setenv("API_KEY", "hunter2-hunter2-hunter2")
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def refused(settings: type[BaseSettings] = Settings) -> str:
    with pytest.raises(SettingsError) as error:
        settings()
    assert "hunter2" not in str(error.value)
    return str(error.value)


def test_lists_and_nested_values(environment):
    environment.setenv("HOSTS", '["a", "b"]')
    environment.setenv("DATABASE__HOST", "db")
    settings = Settings()
    assert (settings.hosts, settings.database) == (["a", "b"], Database(host="db"))
    assert "hunter2" not in repr(settings.api_key)


def test_a_required_variable_that_is_missing_is_named(environment):
    environment.delenv("DATABASE_URL")
    environment.delenv("API_KEY")
    assert refused() == "DATABASE_URL is not set. API_KEY is not set."


def test_a_value_that_may_be_a_secret_is_never_told(environment):
    environment.setenv("API_KEY", "hunter2")
    assert refused().startswith("API_KEY: ")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("HOSTS", "hunter2", "hosts"),
        ("HOSTS", '["hunter2"', "hosts"),
        ("PORTS", '[80, "hunter2"]', "PORTS__1: input should be a valid integer"),
        ("DATABASE__PORT", "hunter2", "DATABASE__HOST is not set. DATABASE__PORT: input should"),
        ("EXECUTION_ENVIRONMENT", "hunter2", "EXECUTION_ENVIRONMENT: input should be 'lambda', "),
    ],
)
def test_a_wrong_value_is_named(environment, name, value, message):
    environment.setenv(name, value)
    assert message in refused()


def test_a_validator_of_ones_own_speaks(environment):
    class Own(Settings):
        def model_post_init(self, context: object) -> None:
            raise ValueError("the two exclude each other")

    assert refused(Own) == "Own: the two exclude each other."


def test_a_file_is_read_off_the_targets_only(environment, tmp_path):
    (tmp_path / ".env").write_text("DATABASE_URL=from-the-file\nANOTHER=x\n")
    environment.delenv("DATABASE_URL")
    settings = Settings()
    assert (settings.database_url, settings.execution_environment) == ("from-the-file", "local")
    environment.setenv("EXECUTION_ENVIRONMENT", "ecs")
    assert refused() == "DATABASE_URL is not set."


def test_the_app_is_imported_without_any_variable():
    """As `uvicorn app.main:app` and `fastapi dev` do from a checkout."""
    script = "from app.main import app; print(type(app).__name__)"
    environment = {"PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "FastAPI\n", done.stderr


def test_a_variable_of_the_app_that_is_missing_is_one_sentence_of_the_server(tmp_path):
    (tmp_path / "users_app.py").write_text(
        "from portable_runtime.settings import BaseSettings\n"
        "class Settings(BaseSettings):\n    database_url: str\n"
        "settings = Settings()\n"
    )
    variables = {"EXECUTION_ENVIRONMENT": "ecs", "ASGI_APP": "users_app:app"}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), **variables}
    command = [sys.executable, "-m", "portable_runtime.server"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "DATABASE_URL is not set.\n")
