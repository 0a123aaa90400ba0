"""An ASGI app that does what tests ask for; run with `portable run --app sample_app:app`."""

import asyncio
import os
import time
from collections.abc import AsyncIterator

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse

TARGET = os.environ["EXECUTION_ENVIRONMENT"]
app = FastAPI()


@app.get("/healthz")
async def healthz() -> str:
    return "ok"


@app.get("/target")
async def target() -> str:
    return TARGET


@app.get("/pid")
async def pid() -> int:
    return os.getpid()


@app.get("/request")
async def request(request: Request) -> dict[str, object]:
    return {
        "target": TARGET,
        "client": request.client.host if request.client else None,
        "headers": request.headers.items(),
        "query": request.url.query,
    }


@app.post("/length")
async def length(request: Request) -> int:
    return len(await request.body())


@app.api_route("/status/{code}", methods=["GET", "HEAD"])
async def status(code: int) -> Response:
    return Response(status_code=code)


@app.get("/bytes/{number}")
async def text(number: int) -> PlainTextResponse:
    return PlainTextResponse("x" * number)


@app.get("/sleep/{seconds}")
async def sleep(seconds: float) -> str:
    print("sleeping", seconds)
    await asyncio.sleep(seconds)
    return TARGET


@app.get("/block/{seconds}")
async def block(seconds: float) -> str:
    time.sleep(seconds)
    return TARGET


@app.get("/exit")
async def leave() -> None:
    os._exit(3)


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def chunks() -> AsyncIterator[str]:
        yield "first"
        await asyncio.sleep(1)
        yield "last"

    return StreamingResponse(chunks())
