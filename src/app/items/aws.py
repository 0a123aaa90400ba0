"""The way to AWS: botocore's clients, which `def` routes call in FastAPI's pool of threads.

cli/docs/data.md has what it costs, next to the alternatives.
"""

import logging
import os
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from app.items.failures import Unavailable

logging.getLogger("botocore").setLevel(logging.WARNING)  # it tells where each setting is from
# At most 15 seconds with all attempts, so a request is answered before either side gives it up.
CONFIG = Config(
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=40,  # as many as there are threads
    tcp_keepalive=True,
)


def region() -> str:
    """Return the region, which Lambda and Fargate tell in these variables."""
    found = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not found:
        raise Unavailable("AWS_REGION is not set.")
    return found


def client(service: str) -> Any:
    """Return the client of `service`; raise `Unavailable`."""
    try:
        session = botocore.session.get_session()
        return session.create_client(service, region_name=region(), config=CONFIG)
    except BotoCoreError as error:
        raise Unavailable(f"There is no client of {service}: {_text(error)}") from None


def ask(what: str, call: Any, **arguments: Any) -> Any:
    """Return the answer of a client's method, which is about the resource `what`.

    Raises `Unavailable` where there is none, and the `ClientError` of a condition that does not
    hold.
    """
    try:
        return call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            raise
        code, message = (error.response["Error"].get(key, "") for key in ("Code", "Message"))
        reason = f"{code}: {message}"
    except BotoCoreError as error:
        reason = _text(error)
    raise Unavailable(f"{what} in {region()}: {call.__name__} failed: {reason.rstrip('.')}.")


def _text(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") + "."
