"""Each test that asks for `client` runs twice: on a Lambda sandbox, and on a task of Fargate."""

import asyncio
import importlib
import logging

import httpx
import pytest

from app.settings import Settings


def test_the_greeting_names_the_side(client, target):
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == f"Hello from {'ecs' if target == 'fargate' else target}"


def test_the_health_check_passes(client):
    assert client.get("/healthz").status_code == 200


def test_what_is_not_there_is_a_404(client):
    assert client.get("/nothing").status_code == 404


def test_another_method_is_a_405(client):
    answer = client.post("/", json={})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


# What needs no server is tested in this process, as with any FastAPI app.
@pytest.fixture
def app(monkeypatch):
    monkeypatch.setenv("EXECUTION_ENVIRONMENT", "ecs")
    create_app = importlib.import_module("app.main").create_app
    return create_app(Settings(execution_environment="ecs"))


def test_the_schema_names_the_routes(app):
    assert {"/", "/healthz"} <= set(app.openapi()["paths"])


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_without_api_docs_the_routes_are_shown_nowhere(path):
    create_app = importlib.import_module("app.main").create_app

    async def status(path: str, api_docs: bool) -> int:
        transport = httpx.ASGITransport(create_app(Settings(api_docs=api_docs)))
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return (await client.get(path)).status_code

    assert asyncio.run(status(path, True)) == 200
    assert asyncio.run(status(path, False)) == 404
    assert asyncio.run(status("/healthz", False)) == 200


def test_lifespan_tells_when_it_starts_and_stops(app, caplog):
    async def main() -> None:
        async with app.router.lifespan_context(app):
            assert "Application started." in caplog.messages

    with caplog.at_level(logging.INFO):
        asyncio.run(main())
    assert caplog.messages[-1] == "Application stopped."
