"""One JSON line per record."""

import json
import logging
from pathlib import Path

import pytest

from portable_runtime.logs import JSONFormatter, configure_logging, timestamp


@pytest.fixture(autouse=True)
def root_logger():
    """Leave the root logger as it was."""
    root, mangum = logging.getLogger(), logging.getLogger("mangum")
    before = (root.level, root.handlers[:], mangum.level)
    root.setLevel(logging.INFO)
    yield root
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    mangum.setLevel(before[2])


def test_records_of_all_loggers_are_json_lines(capsys):
    configure_logging("INFO", "lambda")
    logging.getLogger("library").info("hello %s", "world")
    logging.getLogger("library").debug("not shown")
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger().exception("failed")
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "level": "INFO",
        "message": "hello world",
        "target": "lambda",
        "version": "",
        "logger": "library",
    }
    assert (second["level"], second["message"]) == ("ERROR", "failed")
    assert second["exception"].startswith("Traceback")
    assert second["exception"].endswith("ValueError: no")


def test_what_a_record_brings_along_is_a_field_of_the_line(capsys):
    """From `extra`, from a filter, or from a record factory, as OpenTelemetry's."""
    configure_logging("INFO", "lambda")
    logger = logging.getLogger("shop")
    logger.info("paid", extra={"order": 7, "level": "forged", "at": Path("/x"), "nested": {"a": 1}})
    line = json.loads(capsys.readouterr().out)
    fields = {name: line[name] for name in ("order", "level", "at", "nested")}
    assert fields == {"order": 7, "level": "INFO", "at": "/x", "nested": {"a": 1}}


def test_the_colours_of_uvicorn_are_left_out(capsys):
    configure_logging("INFO", "ecs")
    logging.getLogger("uvicorn").info("up", extra={"color_message": "\x1b[1mup"})
    assert "color" not in capsys.readouterr().out


def test_configuring_replaces_what_was_there(capsys, root_logger):
    """The Lambda runtime client has set up its own handler by then."""
    root_logger.addHandler(logging.StreamHandler())
    configure_logging("WARNING", "lambda")
    configure_logging("WARNING", "lambda")
    logging.getLogger("x").warning("once")
    out, err = capsys.readouterr()
    assert (len(out.splitlines()), err) == (1, "")


def test_what_is_not_ascii_or_not_text_is_formatted():
    record = logging.LogRecord("x", 20, "f", 1, "%s Zoë", (object,), None)
    assert "Zoë" in json.loads(JSONFormatter("ecs").format(record))["message"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1970-01-01T00:00:00.000Z"), (1759568306.0625, "2025-10-04T08:58:26.062Z")],
)
def test_timestamp(seconds, text):
    assert timestamp(seconds) == text
