"""The secret of the app, read once when a target starts, by the same code on both sides."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from app.items.aws import ask
from app.items.failures import Unavailable


class AppSecret(BaseModel):
    """What the secret holds, as JSON; a `SecretStr` shows its value to nobody who prints it."""

    model_config = ConfigDict(frozen=True)

    cursor_key: SecretStr = Field(min_length=32)


def read_secret(client: Any, name: str) -> AppSecret:
    """Return what the secret `name` holds; raise `Unavailable`, without a value, if it cannot."""
    if not name:
        raise Unavailable("APP_SECRET is not set: it should name a secret.")
    answer = ask(f"The secret {name}", client.get_secret_value, SecretId=name)
    try:
        return AppSecret.model_validate_json(answer.get("SecretString", ""))
    except ValidationError as error:
        # Pydantic's own sentence shows the input.
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        reason = f"{where}: {first['msg']}" if where else "it is not JSON"
        raise Unavailable(f"The secret {name} is not what the app needs: {reason}.") from None
