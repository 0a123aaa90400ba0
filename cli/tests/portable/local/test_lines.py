"""Which lines of the targets are shown, and how."""

import json

import pytest

from portable.local.lines import Detail, Kind, parse

REQUEST = {
    **{"timestamp": "t", "level": "INFO", "message": "GET /healthz 200", "target": "ecs"},
    **{"request_id": "1", "method": "GET", "path": "/healthz", "status": 200, "duration_ms": 1.5},
}
SERVER = {"level": "INFO", "message": "Started server process [1]", "logger": "uvicorn.error"}
RAPID = "26 Nov 2026 06:24:02,768 [ERROR] (rapid) Init failed error=Runtime exited InvokeID="
ADVICE = {"level": "WARNING", "message": "LAMBDA_WARNING: Unhandled exception. The most likely"}


@pytest.mark.parametrize(
    ("line", "kind", "normal"),
    [
        ("hello", Kind.TEXT, True),
        ("", Kind.TEXT, True),
        ("[1, 2]", Kind.TEXT, True),
        ('{"an": "object"}', Kind.TEXT, True),
        (json.dumps(REQUEST), Kind.REQUEST, False),
        (json.dumps(REQUEST | {"status": 500, "level": "ERROR"}), Kind.REQUEST, False),
        (json.dumps(SERVER), Kind.RUNTIME, False),
        (json.dumps(SERVER | {"level": "ERROR"}), Kind.RECORD, True),
        (json.dumps(ADVICE), Kind.RUNTIME, False),
        (RAPID, Kind.RUNTIME, False),
    ],
)
def test_what_is_shown(line: str, kind: Kind, normal: bool):
    parsed = parse(line)
    assert parsed.kind is kind
    shown = [parsed.shown(detail) for detail in (Detail.QUIET, Detail.NORMAL, Detail.VERBOSE)]
    assert shown == [False, normal, True]


def test_a_record_is_a_sentence_with_its_own_fields():
    record = {
        **{"timestamp": "t", "level": "WARNING", "message": "Slow.", "target": "ecs"},
        **{"logger": "app.main", "table": "orders"},
    }
    assert parse(json.dumps(record)).text == "WARNING app.main: Slow. table=orders"


def test_what_a_handler_raised_is_a_traceback():
    record = {
        **{"timestamp": "t", "level": "ERROR", "errorMessage": "no", "errorType": "ValueError"},
        "stackTrace": ['  File "/x/src/app/main.py", line 3, in f\n    raise ValueError("no")\n'],
    }
    parsed = parse(json.dumps(record))
    assert parsed.text == "ERROR: ValueError: no"
    assert parsed.traceback.splitlines()[0] == "Traceback (most recent call last):"
    assert parsed.traceback.splitlines()[-1] == "ValueError: no"
