"""The life of a sandbox: one loop, one lifespan, a deadline, nothing left over."""

import asyncio
import base64
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from portable_runtime import leftovers
from portable_runtime.lambda_app import MARGIN, EventError, LambdaApp

EVENT = {
    "requestContext": {"elb": {"targetGroupArn": "arn"}},
    "httpMethod": "GET",
    "path": "/",
    "multiValueQueryStringParameters": {},
    "multiValueHeaders": {"host": ["x.example"]},
    "body": "",
    "isBase64Encoded": False,
}


def context(seconds: float = 10) -> Any:
    deadline = time.monotonic() + seconds
    return SimpleNamespace(
        aws_request_id="1",
        get_remaining_time_in_millis=lambda: int((deadline - time.monotonic()) * 1000),
    )


@pytest.fixture
def make():
    """Make a `LambdaApp` of a function that gets scope, receive and send for a request."""
    made = []

    def make(
        respond: Any,
        on_event: Any = None,
        lifespan: Any = None,
        max_body: int = 1_000_000,
        timeout: float = 29,
    ) -> LambdaApp:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                await respond(scope, receive, send)
            elif lifespan:
                await lifespan(scope, receive, send)

        made.append(LambdaApp(app, max_body=max_body, timeout=timeout, on_event=on_event))
        return made[-1]

    yield make
    for app in made:
        if not app.loop.is_closed():
            app.stop()


async def answer(send: Any, body: bytes = b"ok", status: int = 200) -> None:
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def ok(scope: Any, receive: Any, send: Any) -> None:
    await answer(send)


def test_a_thousand_requests_and_one_start_up(make):
    seen = []

    async def lifespan(scope: Any, receive: Any, send: Any) -> None:
        for name in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{name}"
            seen.append(name)
            scope["state"]["started"] = seen
            await send({"type": f"lifespan.{name}.complete"})

    async def respond(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, str(len(scope["state"]["started"])).encode())
        scope["state"].clear()  # a request's own copy

    app = make(respond, lifespan=lifespan)
    assert {app(EVENT, context())["body"] for _ in range(1000)} == {"1"}
    assert seen == ["startup"]
    app.stop()
    assert seen == ["startup", "shutdown"]


def test_an_app_that_runs_asyncio_itself_does_no_harm(make):
    app = make(ok)
    asyncio.run(asyncio.sleep(0))
    assert app(EVENT, context())["body"] == "ok"
    asyncio.set_event_loop(None)
    assert app(EVENT, context())["body"] == "ok"


def test_invocations_from_another_thread_work(make):
    app = make(ok)
    results = []
    thread = threading.Thread(target=lambda: results.append(app(EVENT, context())))
    thread.start()
    thread.join()
    assert results[0]["body"] == "ok"


@pytest.mark.parametrize("sent", ["nothing", "start", "part"])
def test_an_app_that_does_not_finish_its_answer_is_a_500(make, sent):
    async def respond(scope: Any, receive: Any, send: Any) -> None:
        if sent != "nothing":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        if sent == "part":
            await send({"type": "http.response.body", "body": b"half", "more_body": True})

    result = make(respond)(EVENT, context())
    assert (result["statusCode"], result["body"]) == (500, "Internal Server Error")


@pytest.mark.parametrize(("when", "status"), [("before", 500), ("half-way", 500), ("after", 200)])
def test_an_exception_is_a_500_until_the_answer_is_complete(make, when, status):
    async def respond(scope: Any, receive: Any, send: Any) -> None:
        if when == "half-way":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        if when == "after":
            await answer(send)
        raise ValueError("a bug")

    assert make(respond)(EVENT, context())["statusCode"] == status


def test_what_is_no_exception_leaves(make):
    async def respond(scope: Any, receive: Any, send: Any) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        make(respond)(EVENT, context())


def test_what_else_an_app_raises_is_logged_and_a_500(make, caplog):
    async def respond(scope: Any, receive: Any, send: Any) -> None:
        raise KeyboardInterrupt

    app = make(respond)
    for _ in range(2):  # the loop lives on
        result = app(EVENT, context())
        assert (result["statusCode"], result["body"]) == (500, "Internal Server Error")
    assert caplog.records[0].exc_info[0] is KeyboardInterrupt


@pytest.mark.parametrize("status", [100, 103, 199])
def test_a_status_that_is_no_response_is_a_500(make, status):
    async def respond(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, status=status)

    assert make(respond)(EVENT | {"httpMethod": "HEAD"}, context())["statusCode"] == 500


def test_a_body_over_the_limit_is_a_413(make, caplog):
    caplog.set_level("INFO")
    app = make(ok, max_body=10)
    assert app(EVENT | {"body": "a" * 10}, context())["statusCode"] == 200
    result = app(EVENT | {"body": "a" * 11}, context())
    assert (result["statusCode"], result["body"]) == (413, "Content Too Large")
    assert caplog.messages[-1] == "GET / 413"


def test_a_request_over_its_own_time_is_a_504(make):
    async def respond(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(60)

    assert make(respond, timeout=0.1)(EVENT, context())["statusCode"] == 504


def test_a_request_that_takes_too_long_is_a_504(make, caplog):
    cancelled = []

    async def respond(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/slow":
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.append(True)
                raise
        await answer(send)

    app = make(respond)
    result = app(EVENT | {"path": "/slow"}, context(MARGIN + 0.2))
    assert (result["statusCode"], result["body"], cancelled) == (504, "Gateway Timeout", [True])
    assert "GET /slow: given up after" in caplog.text
    assert app(EVENT, context())["body"] == "ok"


def test_each_request_has_a_deadline_of_its_own(make):
    async def respond(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(float(scope["query_string"].removeprefix(b"t=")))
        await answer(send)

    def status(sleep: str, seconds: float) -> int:
        event = EVENT | {"multiValueQueryStringParameters": {"t": [sleep]}}
        result: int = app(event, context(MARGIN + seconds))["statusCode"]
        return result

    app = make(respond)
    assert status("0", 0.1) == 200
    assert status("0.3", 10) == 200, "it is not given up at the time of the one before"
    assert status("60", 0.2) == 504, "nor later than at its own"
    assert status("0", 10) == 200


def test_an_answer_that_is_complete_at_the_deadline_is_kept(make):
    async def respond(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)
        await asyncio.sleep(60)  # as a background task does

    assert make(respond)(EVENT, context(MARGIN + 0.2))["statusCode"] == 200


def test_tasks_that_a_request_leaves_behind_end_before_the_answer(make):
    done = []

    async def later() -> None:
        await asyncio.sleep(0.05)
        done.append(True)

    async def respond(scope: Any, receive: Any, send: Any) -> None:
        scope["kept"] = asyncio.create_task(later())
        await answer(send)

    make(respond)(EVENT, context())
    assert done == [True]


def test_tasks_that_do_not_end_are_cancelled(make, monkeypatch, caplog):
    monkeypatch.setattr(leftovers, "LEFTOVER_TIME", 0.05)
    tasks = []

    async def forever() -> None:
        await asyncio.sleep(3600)

    async def respond(scope: Any, receive: Any, send: Any) -> None:
        tasks.append(asyncio.create_task(forever()))
        await answer(send)

    assert make(respond)(EVENT, context())["statusCode"] == 200
    assert tasks[0].cancelled()
    assert "A task that a request left behind is cancelled: <coroutine object" in caplog.text


def test_what_the_app_calls_soon_is_called_before_the_answer(make):
    called = []

    async def respond(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)
        asyncio.get_running_loop().call_soon(called.append, True)  # as to close a transport

    make(respond)(EVENT, context())
    assert called == [True]


def test_an_app_that_stops_the_loop_is_answered_for(make):
    async def respond(scope: Any, receive: Any, send: Any) -> None:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0.01)
        await answer(send)
        asyncio.get_running_loop().stop()

    app = make(respond)
    assert [app(EVENT, context())["body"] for _ in range(3)] == ["ok"] * 3


def test_a_task_that_refuses_to_end_delays_one_request_only(make, monkeypatch):
    monkeypatch.setattr(leftovers, "LEFTOVER_TIME", 0.05)
    monkeypatch.setattr(leftovers, "CANCEL_TIME", 0.05)
    cancelled, tasks = [], []

    async def stubborn() -> None:
        while len(cancelled) < 2:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                cancelled.append(True)

    async def respond(scope: Any, receive: Any, send: Any) -> None:
        if not tasks:
            tasks.append(asyncio.create_task(stubborn()))
        await answer(send)

    app = make(respond)
    for _ in range(3):
        app(EVENT, context())
    assert (cancelled, tasks[0].done()) == ([True], False)


def test_tasks_of_other_events_live_on(make):
    tasks = []

    def on_event(event: Any, context: Any) -> None:
        tasks.append(app.loop.create_task(asyncio.sleep(3600)))

    app = make(ok, on_event=on_event)
    app({}, None)
    app(EVENT, context())
    assert not tasks[0].done()


def test_parts_of_an_answer_may_share_a_buffer(make):
    async def respond(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        buffer = bytearray(b"ab")
        await send({"type": "http.response.body", "body": buffer, "more_body": True})
        buffer[:] = b"cd"
        await send({"type": "http.response.body", "body": memoryview(buffer)})

    result = make(respond)(EVENT, context())
    assert base64.b64decode(result["body"]) == b"abcd"


@pytest.mark.parametrize("first", ["http.response.body", "http.response.push", "end"])
def test_messages_out_of_order_are_errors_of_the_app(make, first):
    async def respond(scope: Any, receive: Any, send: Any) -> None:
        if first == "end":
            await answer(send)
            await answer(send, b"again")
        await send({"type": first})

    result = make(respond)(EVENT, context())
    assert (result["statusCode"], result["body"]) == (
        (200, "ok") if first == "end" else (500, "Internal Server Error")
    )


def test_tasks_of_the_lifespan_live_on(make):
    tasks = []

    async def lifespan(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        tasks.append(asyncio.create_task(asyncio.sleep(3600)))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        tasks[0].cancel()
        await send({"type": "lifespan.shutdown.complete"})

    app = make(ok, lifespan=lifespan)
    app(EVENT, context())
    assert not tasks[0].done()


def test_a_client_is_gone_after_the_answer(make):
    messages = []

    async def respond(scope: Any, receive: Any, send: Any) -> None:
        messages.append(await receive())
        await answer(send)
        messages.append(await receive())

    make(respond)(EVENT | {"body": "hello"}, context())
    assert messages == [
        {"type": "http.request", "body": b"hello", "more_body": False},
        {"type": "http.disconnect"},
    ]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"Records": [{"eventSource": "aws:sqs"}]},
        {"requestContext": None},
        {"requestContext": {"http": {}}},
        [],
        "warm",
        None,
    ],
)
def test_other_events_are_refused_or_go_to_the_hook(make, event):
    with pytest.raises(EventError, match="not a request of a load balancer"):
        make(ok)(event, context())
    assert make(ok, on_event=lambda event, _: {"seen": event})(event, None) == {"seen": event}


MALFORMED = [
    {"httpMethod": None},
    {"httpMethod": 1},
    {"path": ["/"]},
    {"path": "/\ud800"},
    {"body": {"a": 1}},
    {"body": "a", "isBase64Encoded": True},
    {"multiValueHeaders": ["host"]},
    {"multiValueHeaders": {"host": "x" * 1_000_000}},
    {"multiValueHeaders": {"host": [None]}},
    {"multiValueQueryStringParameters": {"a": "x" * 1_000_000}},
    {"multiValueQueryStringParameters": {"a": [1]}},
]


@pytest.mark.parametrize("changes", MALFORMED, ids=lambda changes: str(changes)[:40])
def test_a_malformed_event_is_one_sentence_that_names_the_field(make, changes):
    with pytest.raises(EventError) as error:
        make(ok)(EVENT | changes, context())
    message = str(error.value)
    assert message.startswith("The load balancer's event is malformed: ")
    assert len(message) < 200
    assert next(iter(changes)) in message or "not Unicode" in message


def test_an_event_without_a_method_is_malformed(make):
    event = {name: value for name, value in EVENT.items() if name != "httpMethod"}
    with pytest.raises(EventError, match="httpMethod is None"):
        make(ok)(event, context())


def test_an_app_that_lets_a_cancellation_out_is_a_500(make, caplog):
    async def respond(scope: Any, receive: Any, send: Any) -> None:
        raise asyncio.CancelledError

    result = make(respond)(EVENT, context())
    assert (result["statusCode"], result["body"]) == (500, "Internal Server Error")
    assert "The app cancelled the request." in caplog.text
