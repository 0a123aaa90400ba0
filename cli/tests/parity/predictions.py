"""Lambda's answer from Fargate's: a function for each row of the table of known differences."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from ipaddress import IPv6Address
from urllib.parse import unquote

from portable.local.lambda_side.events import MAX_BODY, TEXT_TYPES
from portable.local.listener.forwarding import VALID_NAME
from tests.parity.differ import Answer, Request

BROKEN_OFF = ("start", "partial", "raise-started", "raise-partial", "pathsend", "twice")


def page(status: int) -> Answer:
    """The load balancer's own answer."""
    title = f"{status} {HTTPStatus(status).phrase}"
    body = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    ).encode()
    return _own(status, body, b"text/html")


def _own(status: int, body: bytes, content_type: bytes) -> Answer:
    headers = (
        (b"content-length", b"%d" % len(body)),
        (b"content-type", content_type),
        (b"date", b"(now)"),
        (b"server", b"awselb/2.0"),
    )
    return Answer(status, headers, body)


def _for(request: Request, answer: Answer) -> Answer:
    """A HEAD request gets no body; the load balancer's pages keep their length."""
    return replace(answer, body=b"") if request.method == b"HEAD" else answer


def refused(answer: Answer) -> bool:
    return answer.values(b"server") == [b"awselb/2.0"]


def large_request(request: Request, answer: Answer) -> Answer:
    return _for(request, page(413)) if len(request.body) > MAX_BODY else answer


def _switches(request: Request) -> bool:
    words = b",".join(request.values(b"connection")).lower().split(b",")
    protocols = b",".join(request.values(b"upgrade")).lower().split(b",")
    others = {word.strip() for word in protocols} - {b"", b"h2c"}
    return b"upgrade" in [word.strip() for word in words] and bool(others)


def upgrade(request: Request, answer: Answer) -> Answer:
    return _for(request, page(400)) if _switches(request) else answer


def not_utf8(request: Request, answer: Answer) -> Answer:
    # The others never get there: the load balancer drops invalid names.
    values = [value for name, value in request.headers if VALID_NAME.fullmatch(name)]
    content_type = (request.values(b"content-type") or [b""])[-1].decode("latin-1")
    media_type = content_type.partition(";")[0].strip().lower()
    is_text = media_type.startswith("text/") or media_type in TEXT_TYPES
    if is_text and not any(request.values(b"content-encoding")):
        values.append(request.body)
    try:
        b"".join(value + b"\n" for value in values).decode()
    except UnicodeDecodeError:
        return _for(request, page(502))
    return answer


def exit_(request: Request, answer: Answer) -> Answer:
    return _for(request, page(502)) if request.order.way == "exit" else answer


def large_response(request: Request, answer: Answer) -> Answer:
    if request.order.way != "answer" or request.method == b"HEAD" or answer.status in (204, 304):
        return answer
    size = _size_of_result(answer)
    if size <= MAX_BODY:
        return answer
    text = (
        f"The response is {size} bytes of JSON, and a load balancer passes on at most "
        f"{MAX_BODY} from a Lambda function."
    )
    return _own(500, text.encode(), b"text/plain; charset=utf-8")


def _size_of_result(answer: Answer) -> int:
    """The size of what the function returns, for the orders of this suite: no odd headers."""
    own = (b"date", b"server", b"transfer-encoding", b"content-length")
    headers: dict[str, list[str]] = {}
    for name, value in answer.headers:
        if name not in own:
            headers.setdefault(name.decode(), []).append(value.decode("latin-1"))
    media_type = headers.get("content-type", [""])[-1]
    body: str | None = None
    if media_type.startswith("text/") and "content-encoding" not in headers:
        try:
            body = answer.body.decode()
        except UnicodeDecodeError:
            body = None
    is_base64 = body is None and answer.body != b""
    result = {
        "statusCode": answer.status,
        "body": "x" * (-(-len(answer.body) // 3) * 4) if is_base64 else body or "",
        "isBase64Encoded": is_base64,
        "multiValueHeaders": headers,
    }
    return len(json.dumps(result, ensure_ascii=False).encode())


def broken_off(request: Request, answer: Answer) -> Answer:
    # With a length of 0 there is nothing to break off: Fargate's answer is complete then.
    return _error(request) if request.order.way in BROKEN_OFF else answer


def _error(request: Request) -> Answer:
    error = _own(500, b"Internal Server Error", b"text/plain; charset=utf-8")
    return _for(request, error.with_header(b"content-length", b"0") if _is_head(request) else error)


def wrong_length(request: Request, answer: Answer) -> Answer:
    if answer.complete or request.order.way != "answer":
        return answer
    return replace(answer, complete=True, body=request.order.whole_body)


def length(request: Request, answer: Answer) -> Answer:
    if answer.scope is not None or _is_head(request) or answer.status in (204, 304):
        return answer
    answer = answer.with_header(b"transfer-encoding")
    return answer.with_header(b"content-length", b"%d" % len(answer.body))


def length_of_head(request: Request, answer: Answer) -> Answer:
    if not _is_head(request) or answer.status in (204, 304):
        return answer
    return answer.with_header(b"transfer-encoding").with_header(b"content-length", b"0")


def length_of_not_modified(request: Request, answer: Answer) -> Answer:
    return answer.with_header(b"content-length") if answer.status == 304 else answer


def server_header(request: Request, answer: Answer) -> Answer:
    return answer.with_header(b"server", b"awselb/2.0")


def date_header(request: Request, answer: Answer) -> Answer:
    return answer.with_header(b"date", b"(now)")


def header_bytes(request: Request, answer: Answer) -> Answer:
    headers = [(name, _as_utf8(value)) for name, value in answer.headers]
    return replace(answer, headers=tuple(sorted(headers)))


def _as_utf8(value: bytes) -> bytes:
    try:
        value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1").encode()
    return value


def fragment(request: Request, answer: Answer) -> Answer:
    if b"#" not in request.target:
        return answer
    path, _, query = request.target.decode().partition("?")
    return answer.with_scope(path=unquote(path), raw_path=path, query_string=query)


def query_flag(request: Request, answer: Answer) -> Answer:
    return _query(answer, lambda pairs: [p if "=" in p or not p else f"{p}=" for p in pairs])


def query_empty(request: Request, answer: Answer) -> Answer:
    return _query(answer, lambda pairs: [pair for pair in pairs if pair])


def query_order(request: Request, answer: Answer) -> Answer:
    return _query(answer, lambda pairs: sorted(pairs, key=lambda pair: pair.partition("=")[0]))


def _query(answer: Answer, change: Callable[[list[str]], list[str]]) -> Answer:
    if answer.scope is None:
        return answer
    pairs = answer.scope["query_string"].split("&")
    return answer.with_scope(query_string="&".join(change(pairs)))


def empty_header(request: Request, answer: Answer) -> Answer:
    return _headers(answer, lambda headers: [[n, v] for n, v in headers if v])


def chunked_header(request: Request, answer: Answer) -> Answer:
    return _headers(
        answer, lambda headers: [[n, v] for n, v in headers if n != "transfer-encoding"]
    )


def header_order(request: Request, answer: Answer) -> Answer:
    def grouped(headers: list[list[str]]) -> list[list[str]]:
        names = list(dict.fromkeys(name for name, _ in headers))
        return sorted(headers, key=lambda header: names.index(header[0]))

    return _headers(answer, grouped)


def _headers(answer: Answer, change: Callable[[list[list[str]]], list[list[str]]]) -> Answer:
    if answer.scope is None:
        return answer
    return answer.with_scope(headers=change(answer.scope["headers"]))


def scope_server(request: Request, answer: Answer) -> Answer:
    if answer.scope is None:
        return answer
    host = next((value for name, value in answer.scope["headers"] if name == "host"), "")
    if not host:
        return answer.with_scope(server=None)
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::(\d+))?", host, re.ASCII)
    server = None
    if found and int(found[2] or 80) < 65536:
        name, port = found[1], int(found[2] or 80)
        with suppress(ValueError):
            server = [str(IPv6Address(name[1:-1])) if name.startswith("[") else name, port]
    return answer.with_scope(server=server)


def scope_keys(request: Request, answer: Answer) -> Answer:
    if answer.scope is None:
        return answer
    return answer.with_scope(keys=sorted([*answer.scope["keys"], "aws.context", "aws.event"]))


def _is_head(request: Request) -> bool:
    return request.method == b"HEAD"
