"""An app that makes spans of its own, and logs in them."""

import asyncio
import logging
import os

from fastapi import BackgroundTasks, FastAPI
from opentelemetry import propagate, trace

from portable_runtime.request_log import RequestLog

TARGET = os.environ["EXECUTION_ENVIRONMENT"]
logger = logging.getLogger(__name__)
tracer = trace.get_tracer(__name__)
left: list[asyncio.Task[None]] = []
app = FastAPI(telemetry={"exclude": lambda scope: scope["path"] == "/healthz"})
app.add_middleware(RequestLog)


@app.get("/healthz")
async def healthz() -> str:
    return "ok"


@app.get("/items/{item}")
async def get_item(item: int) -> str:
    with tracer.start_as_current_span("query"):
        logger.warning("Asked for %d.", item)
    return TARGET


@app.get("/thread/{item}")
def in_a_thread(item: int) -> str:
    logger.warning("In a thread for %d.", item)
    return TARGET


@app.get("/outgoing")
async def outgoing() -> dict[str, str]:
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return headers


@app.get("/later")
async def later(tasks: BackgroundTasks) -> str:
    tasks.add_task(after_the_answer)
    return TARGET


async def after_the_answer() -> None:
    left.append(asyncio.create_task(left_behind()))


async def left_behind() -> None:
    with tracer.start_as_current_span("left behind"):
        await asyncio.sleep(0.1)


@app.get("/fail")
async def fail() -> None:
    raise ValueError("It fails.")
