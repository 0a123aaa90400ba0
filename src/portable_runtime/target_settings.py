"""What the two targets themselves read."""

from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from portable_runtime.settings import BaseSettings


class TargetSettings(BaseSettings):
    """What both read."""

    shows_values: ClassVar[bool] = True  # none of them is a secret

    execution_environment: Literal["lambda", "ecs"]
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    asgi_app: str = Field("app.main:app", pattern=r"^\w[\w.]*:\w[\w.]*$")
    on_event: str = Field("", pattern=r"^(\w[\w.]*:\w[\w.]*)?$")  # Lambda alone gets events
    side_header: bool = False
    tracing: bool = False
    max_body_bytes: int = Field(10_485_760, ge=0)  # a load balancer gives Lambda 1 MB at most
    request_timeout_seconds: int = Field(29, ge=1)  # below the function's 30


class ServerSettings(TargetSettings):
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
    limit_concurrency: int = Field(1000, ge=1)

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _networks(cls, value: str) -> str:
        # Who trusts everybody believes the X-Forwarded-For of any client.
        example = "name the load balancer's subnets, as in 10.0.0.0/24,10.0.1.0/24"
        try:
            networks = [ip_network(part.strip()) for part in value.split(",")]
        except ValueError:
            raise ValueError(example) from None
        distinct: list[IPv4Network | IPv6Network] = [
            *collapse_addresses(each for each in networks if isinstance(each, IPv4Network)),
            *collapse_addresses(each for each in networks if isinstance(each, IPv6Network)),
        ]
        if any(network.prefixlen == 0 for network in distinct):
            raise ValueError(f"together they are everybody: {example}")
        return value
