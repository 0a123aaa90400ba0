"""The FastAPI application. Your routes go here; neither target needs to know of them."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.items.router import items_router
from app.settings import Settings
from portable_runtime.request_log import RequestLog

logger = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Runs once per Lambda sandbox and once per Fargate task: the place for pools and clients."""
    logger.info("Application started.")
    yield
    logger.info("Application stopped.")


def create_app(settings: Settings) -> FastAPI:
    """Build the application for the target that `settings` names."""
    schema = "/openapi.json" if settings.api_docs else None  # without it there are no pages either
    app = FastAPI(title="portable-api", lifespan=lifespan, openapi_url=schema)
    app.add_middleware(RequestLog)

    @app.get("/", response_model=str)
    async def hello() -> str:
        return f"Hello from {settings.execution_environment}"

    # The load balancer and the container health check ask here, so it depends on nothing else.
    @app.get("/healthz", response_model=str)
    async def healthz() -> str:
        return "ok"

    app.include_router(items_router(settings))
    return app


app = create_app(Settings())
