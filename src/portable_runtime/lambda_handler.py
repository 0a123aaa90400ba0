"""The Lambda side: `handler` turns one ALB event into one request to the app."""

import logging
import os
import sys
import threading
from typing import Any

from portable_runtime.app_loader import load, load_app, load_tracing
from portable_runtime.idle import busy, on_sigterm
from portable_runtime.lambda_app import LambdaApp
from portable_runtime.logs import configure_logging
from portable_runtime.side_header import with_side_header
from portable_runtime.target_settings import TargetSettings


def handler(event: Any, context: Any) -> Any:
    """Answer one invocation."""
    try:
        with busy:
            return answer(event, context)
    except SystemExit as error:
        leave(error.code if isinstance(error.code, int) else 1)


def stop() -> None:
    """Shut the app down and end the sandbox.

    Lambda sends SIGTERM only where an extension is registered:
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
    """
    try:
        lambda_app.stop()
    except Exception:
        logging.getLogger(__name__).exception("The shutdown failed.")
        leave(1)
    leave(0)


def leave(status: int) -> None:
    """End the process; sys.exit() would wait for the runtime client's thread for ever."""
    sys.stdout.flush()
    os._exit(status)


settings = TargetSettings()
configure_logging(settings.log_level, settings.execution_environment)
tracing = load_tracing(settings)
app = with_side_header(load_app(settings.asgi_app), settings)
lambda_app = LambdaApp(
    tracing.until_shutdown(app) if tracing else app,
    max_body=settings.max_body_bytes,
    timeout=settings.request_timeout_seconds,
    on_event=load("ON_EVENT", settings.on_event) if settings.on_event else None,
)
answer = tracing.flushing(lambda_app) if tracing else lambda_app
if threading.current_thread() is threading.main_thread():
    on_sigterm(stop)
