"""Requests that two servers could read in two ways."""

import pytest

from portable.local.listener.desync import Tier, classify
from portable.local.listener.messages import LoadBalancerError

GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
FIVE = b"Content-Length: 5\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("head", "tier", "reason"),
    [
        (GET, Tier.COMPLIANT, "Compliant"),
        (POST + b"Content-Length: 5\r\n", Tier.COMPLIANT, "Compliant"),
        (POST + CHUNKED, Tier.COMPLIANT, "Compliant"),
        (POST + b"Transfer-Encoding: \t Chunked \r\n", Tier.COMPLIANT, "Compliant"),
        (POST + b"Transfer-Encoding: identity\r\n", Tier.COMPLIANT, "Compliant"),
        (GET + b"X-Empty:\r\n", Tier.COMPLIANT, "Compliant"),
        (GET + b"X: a\x01b\r\n", Tier.ACCEPTABLE, "NonCompliantHeader"),
        (GET + b"X: \xc3\xa4\r\n", Tier.ACCEPTABLE, "NonCompliantHeader"),
        (b"GET /a b HTTP/1.1\r\nHost: x\r\n", Tier.ACCEPTABLE, "SpaceInUri"),
        (b"GET / HTTP/1.7\r\nHost: x\r\n", Tier.ACCEPTABLE, "NonCompliantVersion"),
        (GET + b"Content-Length: 0\r\n", Tier.ACCEPTABLE, "GetHeadZeroContentLength"),
        (b"GET /a\x0bb HTTP/1.1\r\nHost: x\r\n", Tier.AMBIGUOUS, "AmbiguousUri"),
        (GET + b" \t\r\n", Tier.AMBIGUOUS, "EmptyHeader"),
        (GET + b": value\r\n", Tier.AMBIGUOUS, "EmptyHeader"),
        (POST + b"Content-Length: 5\r\n" + CHUNKED, Tier.AMBIGUOUS, "BothTeClPresent"),
        (POST + CHUNKED + b"Content-Length: 5\r\n", Tier.AMBIGUOUS, "BothTeClPresent"),
        (POST + b"Content-Length: 5\r\n" * 2, Tier.AMBIGUOUS, "DuplicateContentLength"),
        (POST + b"Content-Length: 5, 05\r\n", Tier.AMBIGUOUS, "DuplicateContentLength"),
        (POST + b"Transfer_Encoding: chunked\r\n", Tier.AMBIGUOUS, "SuspiciousHeader"),
        (POST + b"Transfer-Encoding : chunked\r\n", Tier.AMBIGUOUS, "SuspiciousHeader"),
        (POST + b"Transfer\x0b-Encoding: chunked\r\n", Tier.AMBIGUOUS, "SuspiciousHeader"),
        (POST + b"content length: 5\r\n", Tier.AMBIGUOUS, "SuspiciousHeader"),
        (GET + b"Content-Length: 5\r\n", Tier.AMBIGUOUS, "UndefinedContentLengthSemantics"),
        (GET + CHUNKED, Tier.AMBIGUOUS, "UndefinedTransferEncodingSemantics"),
        (
            b"POST / HTTP/1.0\r\n" + CHUNKED,
            Tier.AMBIGUOUS,
            "UndefinedTransferEncodingSemantics",
        ),
        (GET + b"X: a\0b\r\n", Tier.SEVERE, "BadHeader"),
        (GET + b"X: a\rb\r\n", Tier.SEVERE, "BadHeader"),
        (GET + b"no colon\r\n", Tier.SEVERE, "BadHeader"),
        (b"GET /a\0b HTTP/1.1\r\nHost: x\r\n", Tier.SEVERE, "BadUri"),
        (b"GET / HTTQ/1.1\r\nHost: x\r\n", Tier.SEVERE, "BadVersion"),
        (b"GET / http/1.1\r\nHost: x\r\n", Tier.SEVERE, "BadVersion"),
        (b"G\x01T / HTTP/1.1\r\nHost: x\r\n", Tier.SEVERE, "BadMethod"),
        (
            POST + b"Content-Length: 5\r\nContent-Length: 6\r\n",
            Tier.SEVERE,
            "MultipleContentLength",
        ),
        (POST + b"Content-Length: 5, 6\r\n", Tier.SEVERE, "MultipleContentLength"),
        (POST + b"Content-Length: 0x5\r\n", Tier.SEVERE, "BadContentLength"),
        (POST + b"Content-Length: +5\r\n", Tier.SEVERE, "BadContentLength"),
        (POST + b"Content-Length: -5\r\n", Tier.SEVERE, "BadContentLength"),
        (POST + b"Content-Length:\r\n", Tier.SEVERE, "BadContentLength"),
        (POST + b"Content-Length: 9223372036854775808\r\n", Tier.SEVERE, "BadContentLength"),
        (POST + b"Content-Length: " + b"9" * 5000 + b"\r\n", Tier.SEVERE, "BadContentLength"),
        (POST + CHUNKED * 2, Tier.SEVERE, "MultipleTransferEncodingChunked"),
        (
            POST + b"Transfer-Encoding: chunked, chunked\r\n",
            Tier.SEVERE,
            "MultipleTransferEncodingChunked",
        ),
        (POST + b"Transfer-Encoding: \x0bchunked\r\n", Tier.SEVERE, "BadTransferEncoding"),
        (POST + b"Transfer-Encoding:\r\n", Tier.SEVERE, "BadTransferEncoding"),
        (POST + b'Transfer-Encoding: "chunked"\r\n', Tier.SEVERE, "BadTransferEncoding"),
    ],
)
def test_tiers(head: bytes, tier: Tier, reason: str):
    verdict = classify(head + b"\r\n")
    assert (verdict.tier, verdict.reason) == (tier, reason)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (GET, GET),
        (GET.replace(b"\r\n", b"\n"), GET),
        (GET + b"A: b\r\n  c\r\n", GET + b"A: b c\r\n"),
        (b"GET /a b\x01 HTTP/1.9\r\nHost: x\r\n", b"GET /a%20b%01 HTTP/1.1\r\nHost: x\r\n"),
        (GET + b"X: a\x01b\r\n", GET + b"X: a b\r\n"),
        (POST + b"Content-Length: 05, 5\r\n", POST + FIVE),
        (POST + b"Content-Length: 5\r\n" + CHUNKED, POST + CHUNKED),
        (POST + b"Transfer-Encoding:\r\n chunked\r\n", POST + CHUNKED),
        (POST + b"transfer-encoding: CHUNKED\r\n", POST + CHUNKED),
        (POST + b"Transfer-Encoding: identity\r\n" + FIVE, POST + FIVE),
        (POST + b"Transfer_Encoding: chunked\r\n: a\r\n \r\n", POST),
    ],
)
def test_what_is_forwarded_can_be_read_in_one_way(head: bytes, expected: bytes):
    assert classify(head + b"\r\n").head == expected + b"\r\n"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/2.0\r\nHost: x\r\n", 505),
        (b"PRI * HTTP/2.0\r\n", 505),
        (b"GET / HTTP/3\r\n", 505),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n", 501),
        (POST + b"Transfer-Encoding: xchunked\r\n", 501),
    ],
)
def test_what_is_not_supported(head: bytes, status: int):
    with pytest.raises(LoadBalancerError) as error:
        classify(head + b"\r\n")
    assert error.value.status == status
