"""The Fargate side: `python -m portable_runtime.server` serves the app with uvicorn."""

import gc
import sys

import uvicorn

from portable_runtime.app_loader import load_app, load_tracing
from portable_runtime.logs import configure_logging
from portable_runtime.protocol import Protocol
from portable_runtime.server_app import ServerApp
from portable_runtime.settings import SettingsError
from portable_runtime.side_header import with_side_header
from portable_runtime.target_settings import ServerSettings


def main() -> None:
    """Serve until SIGTERM, then finish the requests in flight; exit 1 on a bad setting."""
    try:
        settings = ServerSettings()
        configure_logging(settings.log_level, settings.execution_environment)
        tracing = load_tracing(settings)
        app = with_side_header(load_app(settings.asgi_app), settings)
    except SettingsError as error:
        sys.exit(str(error))
    # What is loaded stays: the collector need not look at it again in the middle of a request.
    gc.collect()
    gc.freeze()
    uvicorn.run(
        ServerApp(
            tracing.until_shutdown(app) if tracing else app,
            trusted=settings.forwarded_allow_ips.split(","),
            max_body=settings.max_body_bytes,
            timeout=settings.request_timeout_seconds,
            concurrency=settings.limit_concurrency,
        ),
        host=settings.host,
        port=settings.port,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=settings.graceful_shutdown_seconds,
        proxy_headers=False,  # ServerApp believes the load balancer, and nobody before it
        http=Protocol,
        log_config=None,  # everything goes to the root logger, as JSON
        access_log=False,  # the app's own middleware writes the request line
        server_header=False,
    )


if __name__ == "__main__":
    main()
