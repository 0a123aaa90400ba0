"""Imports what ASGI_APP and ON_EVENT name, and what TRACING asks for."""

import importlib
from typing import Any

from pydantic import BaseModel

from portable_runtime.settings import SettingsError
from portable_runtime.target_settings import TargetSettings


def load_app(path: str) -> Any:
    """Return the ASGI app at `path`, written `module:attribute`; raise `SettingsError`."""
    import_fastapi()
    return load("ASGI_APP", path)


def load(variable: str, path: str) -> Any:
    """Return what is at `path`, the value of `variable`; raise `SettingsError`."""
    module_name, _, attributes = path.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # a module that the app itself imports
        raise SettingsError(f"{variable} is {path!r}: there is no module {error.name!r}.") from None
    except TypeError:  # a relative name
        raise SettingsError(f"{variable} is {path!r}, expected 'module:attribute'.") from None
    for attribute in attributes.split("."):
        if not hasattr(found, attribute):
            message = f"{variable} is {path!r}: {found.__name__!r} has no {attribute!r}."
            raise SettingsError(message)
        found = getattr(found, attribute)
    return found


def import_fastapi() -> None:
    """Import FastAPI, and let its models of the OpenAPI document wait until that is asked for.

    To build them takes a fifth of a cold start. The models of an app are built as always.
    """
    BaseModel.model_config["defer_build"] = True
    try:
        importlib.import_module("fastapi")
    finally:
        del BaseModel.model_config["defer_build"]


def load_tracing(settings: TargetSettings) -> Any:
    """Return the `Tracing` of this side, None if the settings want none; raise `SettingsError`.

    It is for before the app is loaded, which may make spans from the start.
    """
    if not settings.tracing:
        return None
    try:
        tracing = importlib.import_module("portable_runtime.tracing")
    except ModuleNotFoundError as error:
        if not f"{error.name}.".startswith("opentelemetry."):
            raise
        message = f"TRACING is true, but there is no module {error.name!r}"
        raise SettingsError(
            f"{message}: the image needs fastapi[opentelemetry], in pyproject.toml."
        ) from None
    return tracing.Tracing(settings.execution_environment)
