"""ASGI_APP: found, or refused by name."""

import subprocess
import sys
from pathlib import Path

import pytest

from portable_runtime.app_loader import load, load_app
from portable_runtime.settings import SettingsError


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the user's, found on the import path."""
    (tmp_path / "users_app.py").write_text("class api:\n    app = 'the app'\n")
    (tmp_path / "users_broken_app.py").write_text("import not_installed\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "users_app"
    for name in ("users_app", "users_broken_app"):
        sys.modules.pop(name, None)


def test_load_app(module):
    assert load_app("users_app:api.app") == "the app"


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("no_such_module:app", "'no_such_module'"),
        ("users_app.sub:app", "'users_app.sub'"),
        ("users_app:nothing", "'nothing'"),
        ("users_app:api.nothing", "'nothing'"),
        (".users_app:app", ""),
        ("users_app.:app", ""),
        ("users_app:", ""),
    ],
)
def test_an_app_that_is_not_there_is_named(module, path, fault):
    with pytest.raises(SettingsError) as error:
        load_app(path)
    assert str(error.value).startswith(f"ASGI_APP is {path!r}")
    assert fault in str(error.value)


def test_another_variable_is_named_as_well():
    with pytest.raises(SettingsError, match=r"^ON_EVENT is 'nowhere:on_event'"):
        load("ON_EVENT", "nowhere:on_event")


def test_an_import_error_of_the_app_itself_is_its_own(module):
    with pytest.raises(ModuleNotFoundError, match="not_installed"):
        load_app("users_broken_app:app")


def test_the_models_of_an_app_are_built_as_always():
    """Only those of FastAPI wait, until the OpenAPI document is asked for."""
    script = """
import sys
from portable_runtime.app_loader import load_app
load_app("fastapi:FastAPI")
from pydantic import BaseModel
from fastapi import FastAPI
from fastapi.openapi.models import OpenAPI
class Model(BaseModel):
    number: int
print("defer_build" in Model.model_config)
print(Model.__pydantic_complete__, OpenAPI.__pydantic_complete__)
print(FastAPI().openapi()["info"]["title"], OpenAPI.__pydantic_complete__)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["False", "True False", "FastAPI True"], done.stderr
