"""The app's own routes, without a server."""

import asyncio
import importlib
import logging

import httpx
import pytest

from app.settings import Settings


@pytest.fixture
def create_app(monkeypatch):
    # The module-level app, which the servers import, needs to know its target.
    monkeypatch.setenv("EXECUTION_ENVIRONMENT", "ecs")
    return importlib.import_module("app.main").create_app


def get(app, *paths: str, method: str = "GET") -> list[httpx.Response]:
    async def main() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return [await client.request(method, path) for path in paths]

    return asyncio.run(main())


@pytest.mark.parametrize("target", ["lambda", "ecs"])
def test_routes(create_app, target):
    app = create_app(Settings(execution_environment=target))
    hello, health, missing = get(app, "/", "/healthz", "/nothing")
    assert (hello.status_code, hello.json()) == (200, f"Hello from {target}")
    assert hello.headers["content-type"] == "application/json"
    assert health.status_code == 200
    assert missing.status_code == 404


def test_other_methods_are_405(create_app):
    (response,) = get(create_app(Settings(execution_environment="ecs")), "/", method="POST")
    assert response.status_code == 405


def test_the_documentation_is_on(create_app):
    docs, schema = get(create_app(Settings(execution_environment="ecs")), "/docs", "/openapi.json")
    assert docs.headers["content-type"].startswith("text/html")
    described = schema.json()
    assert set(described["paths"]) == {"/", "/healthz"}
    ok = described["paths"]["/"]["get"]["responses"]["200"]
    assert ok["content"]["application/json"]["schema"]["type"] == "string"


def test_lifespan_tells_when_it_starts_and_stops(create_app, caplog):
    app = create_app(Settings(execution_environment="ecs"))

    async def main() -> None:
        async with app.router.lifespan_context(app):
            assert caplog.messages[-1] == "Application started."

    with caplog.at_level(logging.INFO):
        asyncio.run(main())
    assert caplog.messages[-1] == "Application stopped."
