"""An app whose start-up takes the time that LIFESPAN_SECONDS says, as a pool's would."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from mangum import Mangum


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Wait once per start-up."""
    await asyncio.sleep(float(os.environ["LIFESPAN_SECONDS"]))
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def hello() -> str:
    """Answer at once."""
    return "Hello World"


handler = Mangum(app)
