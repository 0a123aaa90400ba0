"""Requests to compare two targets with: generated from an OpenAPI schema, or for named paths."""

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import HypothesisException, Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

from portable.errors import PortableError
from portable.request_headers import RequestHeader

URL = "http://127.0.0.1:8080"  # where `portable run` listens, so that a curl line works there
# What the generator adds of its own; Content-Length and Host are set where a request is sent.
NOT_SENT = ("connection", "content-length", "host", "user-agent", "x-schemathesis-testcaseid")
TEXT_TYPES = ("application/json", "application/javascript", "application/xml")  # and text/*


@dataclass(frozen=True)
class Sample:
    """A request, sent to both targets as it is."""

    operation: str  # as in "GET /items/{id}"
    method: str
    target: str  # path and query, percent-encoded
    headers: tuple[tuple[str, bytes], ...] = ()
    body: bytes = b""
    given: tuple[RequestHeader, ...] = ()  # by the user, sent as well

    @property
    def curl(self) -> str:
        """Return a command that sends the same request to `portable run`."""
        words = ["curl", "-i"]
        if self.method == "HEAD":
            words.append("--head")
        elif self.method != "GET":
            words += ["-X", self.method]
        for name, value in self.headers:
            words += ["-H", f"{name}: {value.decode(errors='replace')}"]
        command = " ".join((shlex.join(words), *(header.curl for header in self.given)))
        if self.body:
            command += f" --data-binary {_quoted(self.body)}"
        return f"{command} {shlex.quote(URL + self.target)}"

    def with_headers(self, given: Sequence[RequestHeader]) -> "Sample":
        """Return the request with the user's headers, each in the place of one of its own."""
        names = {header.name.lower() for header in given}
        kept = tuple(pair for pair in self.headers if pair[0].lower() not in names)
        return replace(self, headers=kept, given=tuple(given))

    @property
    def limit(self) -> str | None:
        """Return why the load balancer cannot pass this request on to a function, if so."""
        try:
            for _, value in self.headers:
                value.decode()
            content_type = dict(self.headers).get("Content-Type", b"").decode()
            if content_type.startswith(("text/", *TEXT_TYPES)):
                self.body.decode()
        except UnicodeDecodeError:
            return "a header or a text that is not UTF-8"
        if not all(value for _, value in self.headers):
            return "an empty header"
        return None


def named_paths(paths: Sequence[str]) -> list[Sample]:
    """Return a GET and a HEAD request for each path; raise `PortableError`."""
    for path in paths:
        if not re.fullmatch(r"/[!-~]*", path):
            message = f"--path is {path!r}, expected a path that begins with '/'"
            raise PortableError(f"{message}, percent-encoded where it is not ASCII.")
    return [
        Sample(f"{method} {path.partition('?')[0]}", method, path)
        for path in paths
        for method in ("GET", "HEAD")
    ]


class Schema:
    """The OpenAPI schema of the app, as `document` has it; raises `PortableError`."""

    def __init__(self, document: bytes, where: str) -> None:
        try:
            content = yaml.safe_load(document)  # JSON is YAML, all but a tab
        except (yaml.YAMLError, UnicodeDecodeError):
            content = _json(document)
        if not isinstance(content, dict) or not {"openapi", "swagger"} & set(content):
            raise PortableError(f"what the app answers at {where} is no OpenAPI schema. {INSTEAD}")
        self.where = where
        self.unreadable: list[str] = []  # why, one sentence for each operation
        self.operations: dict[str, APIOperation[Any, Any, Any, Any]] = {}
        try:
            # A configuration of its own: not what may lie around in the user's folder.
            schema = schemathesis.openapi.from_dict(content, config=schemathesis.Config())
            for result in schema.get_all_operations():
                if isinstance(result, Ok):
                    self.operations[result.ok().label] = result.ok()
                else:
                    self.unreadable.append(_sentence(result.err()))
        except (schemathesis.errors.SchemathesisError, ValueError, KeyError) as error:
            raise PortableError(
                f"the schema at {where} cannot be used: {_sentence(error)}"
            ) from None

    def samples(self, label: str, examples: int, number: int) -> list[Sample]:
        """Return up to `examples` requests for an operation, half of them against its schema.

        `number` is the seed. A schema that nothing can contradict yields the other half only.
        """
        samples: list[Sample] = []
        for mode, count in (
            (GenerationMode.POSITIVE, examples - examples // 2),
            (GenerationMode.NEGATIVE, examples // 2),
        ):
            strategy = self.operations[label].as_strategy(generation_mode=mode)
            try:
                samples += _generated(strategy, count, number, label)
            except Unsatisfiable:
                pass
            except (schemathesis.errors.SchemathesisError, HypothesisException) as error:
                self.unreadable.append(f"{label}: {_sentence(error)}")
        if not samples and not any(text.startswith(f"{label}: ") for text in self.unreadable):
            self.unreadable.append(f"{label}: nothing fits what the schema says of it.")
        return samples


INSTEAD = "Name where it is with --schema, or paths to request with --path."


def _generated(
    strategy: SearchStrategy[schemathesis.Case[Any]], count: int, number: int, label: str
) -> list[Sample]:
    found: dict[Sample, None] = {}  # each once, in order

    def collect(case: schemathesis.Case[Any]) -> None:
        found[_sample(label, case)] = None

    run = settings(
        max_examples=max(count, 1),
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )(given(case=strategy)(collect))
    seed(number)(run)()
    return list(found)[:count]


def _sample(label: str, case: schemathesis.Case[Any]) -> Sample:
    arguments = case.as_transport_kwargs(base_url=URL)
    names = ("method", "url", "headers", "params", "data", "json", "files", "cookies")
    prepared = requests.Request(
        **{name: arguments[name] for name in names if name in arguments}
    ).prepare()
    headers = tuple(
        (_text(name), value if isinstance(value, bytes) else value.encode("latin-1"))
        for name, value in prepared.headers.items()
        if _text(name).lower() not in NOT_SENT
    )
    body = prepared.body or b""
    path, question, query = _text(prepared.path_url).partition("?")
    return Sample(
        label,
        str(prepared.method),
        path + question + _as_the_event_has_it(query),
        headers,
        body if isinstance(body, bytes) else str(body).encode(),
    )


def _as_the_event_has_it(query: str) -> str:
    """Return `query` in the form that survives on its way to a function.

    The event has a list of values for each key: it does not know the order across keys, nor
    `flag` from `flag=`. No adapter can bring that back.
    """
    pairs = [pair.partition("=")[::2] for pair in query.split("&") if pair]
    return "&".join(f"{key}={value}" for key, value in sorted(pairs, key=lambda pair: pair[0]))


def _json(document: bytes) -> Any:
    try:
        return json.loads(document)
    except ValueError:
        return None


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _sentence(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") + "."


def _quoted(body: bytes) -> str:
    """Return `body` as a word of bash, whatever bytes it has."""
    try:
        text = body.decode("ascii")
        if text.isprintable() and not text.startswith("@"):
            return shlex.quote(text)
    except UnicodeDecodeError:
        pass
    return (
        "$'"
        + "".join(
            chr(byte) if 32 <= byte < 127 and chr(byte) not in "\\'" else f"\\x{byte:02x}"
            for byte in body
        )
        + "'"
    )
