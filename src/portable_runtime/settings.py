"""Settings, read once from the environment when a target starts."""

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator


class SettingsError(Exception):
    """An environment variable is missing or has a value that is not accepted."""


class BaseSettings(BaseModel):
    """What both targets read: upper-case environment variables of the same names."""

    # A sandbox never builds the validator of `ServerSettings`.
    # The other engine, in Rust, takes more than all the rest of the validation.
    model_config = ConfigDict(frozen=True, defer_build=True, regex_engine="python-re")

    execution_environment: Literal["lambda", "ecs"]
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    asgi_app: str = Field("app.main:app", pattern=r"^\w[\w.]*:\w[\w.]*$")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings from `environment`; raise `SettingsError` naming the variable."""
        names = {name.upper(): name for name in cls.model_fields}
        given = {names[key]: value for key, value in environment.items() if key in names}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise SettingsError(" ".join(map(_sentence, error.errors()))) from None


class ServerSettings(BaseSettings):
    """What only the Fargate side reads. Times are in seconds.

    The keep-alive is longer than the ALB's idle timeout (60), or the ALB answers 502 for a
    request that it sends on a connection that is just closing; the graceful shutdown ends
    before the task's stop timeout (30).
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html
    """

    host: str = "0.0.0.0"  # noqa: S104 - a task is reached through its network interface only
    port: int = Field(8080, ge=1, le=65535)
    keep_alive_seconds: int = Field(75, ge=1)
    graceful_shutdown_seconds: int = Field(25, ge=1)
    forwarded_allow_ips: str = "127.0.0.1"

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _networks(cls, value: str) -> str:
        # Trusting everybody, uvicorn takes the left-most X-Forwarded-For entry, which any client
        # can forge; what is no network it compares as text, and so never trusts.
        for part in value.split(","):
            try:
                everybody = ip_network(part.strip()).prefixlen == 0
            except ValueError:
                everybody = True
            if everybody:
                raise ValueError("name the load balancer's subnets, as in 10.0.0.0/24,10.0.1.0/24")
        return value


def _sentence(error: Any) -> str:
    name = str(error["loc"][0]).upper()
    if error["type"] == "missing":
        allowed = BaseSettings.model_fields[error["loc"][0]].annotation.__args__  # type: ignore[union-attr]
        return f"{name} is not set: it should be {' or '.join(map(repr, allowed))}."
    message = error["msg"].removeprefix("Value error, ")
    return f"{name} is {error['input']!r}: {message[:1].lower()}{message[1:]}."
