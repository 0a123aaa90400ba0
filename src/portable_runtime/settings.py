"""Settings: environment variables, read when a target starts, and refused by name."""

import json
import os
from typing import Any, ClassVar, Literal, get_args, get_origin

import pydantic_settings
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict


class SettingsError(Exception):
    """An environment variable is missing or has a value that is not accepted."""


class BaseSettings(pydantic_settings.BaseSettings):
    """What an app's own settings inherit from, as they would from pydantic-settings.

    A field `database_url` is read from `DATABASE_URL`, one of a nested model from
    `DATABASE__HOST`, a list is JSON. A file `.env` is read where no target starts the app.
    `SettingsError` says which variable is missing or wrong, but no value: it may be a secret.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        env_nested_delimiter="__",
        defer_build=True,  # until it is read: a sandbox never reads those of the server
        # The other engine, in Rust, takes more than all the rest of the validation.
        regex_engine="python-re",
    )
    shows_values: ClassVar[bool] = False  # in a SettingsError

    # `local` is for `fastapi dev` and the like: the image's entry points insist on the variable.
    execution_environment: Literal["lambda", "ecs", "local"] = "local"

    def __init__(self, **values: Any) -> None:
        file = None if "EXECUTION_ENVIRONMENT" in os.environ else ".env"
        try:
            super().__init__(_env_file=file, **values)
        except ValidationError as error:
            raise SettingsError(" ".join(map(self._sentence, error.errors()))) from None
        except pydantic_settings.SettingsError as error:
            cause = error.__cause__ if isinstance(error.__cause__, json.JSONDecodeError) else ""
            raise SettingsError(f"{str(error).capitalize()}: {cause}.") from None

    @classmethod
    def _sentence(cls, error: Any) -> str:
        name = "__".join(map(str, error["loc"])).upper() or cls.__name__
        if error["type"] == "missing":
            field = cls.model_fields.get(error["loc"][0])
            if field and get_origin(field.annotation) is Literal:
                accepted = " or ".join(map(repr, get_args(field.annotation)))
                return f"{name} is not set: it should be {accepted}."
            return f"{name} is not set."
        value = f" is {error['input']!r}" if cls.shows_values else ""
        message = error["msg"].removeprefix("Value error, ")
        return f"{name}{value}: {message[:1].lower()}{message[1:]}."
