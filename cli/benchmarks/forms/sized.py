"""An app whose response has the size that the path asks for: GET /1000."""

from fastapi import FastAPI, Response
from mangum import Mangum

app = FastAPI()


@app.get("/{size}")
async def sized(size: int) -> Response:
    """Return `size` bytes of text."""
    return Response("x" * size, media_type="text/plain")


handler = Mangum(app)
