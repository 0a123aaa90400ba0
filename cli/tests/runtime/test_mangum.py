"""What the adapter takes from inside Mangum: fails where a release moves it."""

import asyncio
import inspect
from importlib.metadata import version

import mangum
from mangum.handlers import ALB
from mangum.protocols import LifespanCycle


def parameters(of):
    return list(inspect.signature(of).parameters)


def test_the_version_is_the_one_that_was_read():
    assert version("mangum").split(".")[:2] == ["0", "22"]


def test_the_adapter_s_own_interface():
    assert parameters(mangum.Mangum)[:2] == ["app", "lifespan"]
    assert "custom_handlers" in parameters(mangum.Mangum)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # it would make one, and not close it
    try:
        assert mangum.Mangum(lambda *_: None, lifespan="off").config["text_mime_types"]
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def test_a_handler_is_four_members():
    assert parameters(ALB) == ["event", "context", "config"]
    assert parameters(ALB.infer) == ["event", "context", "config"]
    assert isinstance(ALB.body, property) and isinstance(ALB.scope, property)
    assert parameters(ALB.__call__) == ["self", "response"]


def test_a_lifespan_is_a_context_with_state():
    assert parameters(LifespanCycle) == ["app", "lifespan"]
    assert parameters(LifespanCycle.__exit__) == ["self", "exc_type", "exc_value", "traceback"]
    assert "self.lifespan_state: dict[str, Any] = {}" in inspect.getsource(LifespanCycle)
