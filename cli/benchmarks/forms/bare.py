"""The floor for a server: an ASGI app that does nothing but give the tutorial's answer."""

BODY = b'{"message":"Hello World"}'
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-length", str(len(BODY)).encode()),
        (b"content-type", b"application/json"),
    ],
}
END = {"type": "http.response.body", "body": BODY}


async def app(scope, receive, send):
    """Answer any request; there is no lifespan."""
    if scope["type"] == "http":
        await send(START)
        await send(END)
