"""Each test that asks for `client` runs twice: on a Lambda sandbox, and on a task of Fargate."""

import asyncio
import importlib
import logging

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


def test_the_documentation_is_served(client):
    answer = client.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")


def test_the_schema_names_the_routes(client):
    schema = client.get("/openapi.json").json()
    assert set(schema["paths"]) == {"/", "/healthz"}


# What needs no server is tested in this process, as with any FastAPI app.
@pytest.fixture
def app(monkeypatch):
    monkeypatch.setenv("EXECUTION_ENVIRONMENT", "ecs")
    create_app = importlib.import_module("app.main").create_app
    return create_app(Settings(execution_environment="ecs"))


def test_lifespan_tells_when_it_starts_and_stops(app, caplog):
    async def main() -> None:
        async with app.router.lifespan_context(app):
            assert caplog.messages[-1] == "Application started."

    with caplog.at_level(logging.INFO):
        asyncio.run(main())
    assert caplog.messages[-1] == "Application stopped."
