"""An ASGI app with a secret, of which it shows a digest; run with `--app`."""

import hashlib
import os

from fastapi import FastAPI

app = FastAPI()


@app.get("/healthz")
async def healthz() -> str:
    return "ok"


@app.get("/digest/{name}")
async def digest(name: str) -> str:
    return hashlib.sha256(os.environ[name].encode()).hexdigest()
