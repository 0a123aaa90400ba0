"""The response header that names the side: only where it is wanted."""

import asyncio

import pytest

from portable_runtime.side_header import with_side_header
from portable_runtime.target_settings import TargetSettings


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
    await send({"type": "http.response.body", "body": b"body"})


def sent(app, kind="http"):
    messages = []

    async def send(message):
        messages.append(message)

    asyncio.run(app({"type": kind}, None, send))
    return messages


@pytest.fixture(params=["lambda", "ecs"])
def side(request, monkeypatch):
    monkeypatch.setenv("EXECUTION_ENVIRONMENT", request.param)
    return {"lambda": b"lambda", "ecs": b"fargate"}[request.param]


def test_it_is_off_by_default(side):
    assert with_side_header(app, TargetSettings()) is app


def test_it_is_added_to_a_response(side, monkeypatch):
    monkeypatch.setenv("SIDE_HEADER", "true")
    start, body = sent(with_side_header(app, TargetSettings()))
    assert start["headers"] == [(b"a", b"b"), (b"x-portable-side", side)]
    assert body == {"type": "http.response.body", "body": b"body"}


def test_what_is_no_response_passes_as_it_is(side, monkeypatch):
    monkeypatch.setenv("SIDE_HEADER", "true")
    wrapped = with_side_header(app, TargetSettings())
    assert sent(wrapped, "websocket") == sent(app, "websocket")
