"""How far a request's head can be trusted: the desync mitigation mode `defensive`.

Tiers and reasons: "Classification reasons" in
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
What is forwarded is said in one way only: a header that a target could read in another way is left
out, and what is no part of HTTP is encoded or becomes a space.
"""

import re
from dataclasses import dataclass, field
from enum import IntEnum

from portable.local.listener.messages import Headers, LoadBalancerError
from portable.local.listener.reasons import Reason

MOST_LENGTH = 2**63 - 1
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
BODY_HEADERS = (b"transfer-encoding", b"content-length")
LETTERS = {re.sub(rb"[^a-z]", b"", name) for name in BODY_HEADERS}


class Tier(IntEnum):
    """Forwarded; forwarded; forwarded and both connections closed; 400."""

    COMPLIANT = 0
    ACCEPTABLE = 1
    AMBIGUOUS = 2
    SEVERE = 3


@dataclass
class Verdict:
    """The tier, its reason as the access log has it, and the head to go on with."""

    tier: Tier = Tier.COMPLIANT
    reason: str = "Compliant"
    head: bytes = field(default=b"", repr=False)

    def at_least(self, tier: Tier, reason: str) -> None:
        """Raise the tier, for `reason`, unless it is as high already."""
        if tier > self.tier:
            self.tier, self.reason = tier, reason


def classify(head: bytes) -> Verdict:
    """Return the verdict on `head`, a request's first lines up to the empty one.

    Raises `LoadBalancerError` for a version or a transfer encoding that is not supported.
    """
    verdict = Verdict()
    first, *lines = (line.removesuffix(b"\r") for line in head.rstrip(b"\r\n").split(b"\n"))
    method, line = _request_line(first, verdict)
    headers = _body_headers(_headers(lines, verdict), method, line, verdict)
    parts = [line, *(name + b": " + value for name, value in headers), b"", b""]
    verdict.head = b"\r\n".join(parts)
    return verdict


def _request_line(line: bytes, verdict: Verdict) -> tuple[bytes, bytes]:
    method, _, rest = line.partition(b" ")
    target, _, version = rest.rpartition(b" ")
    if not target:
        return method, line  # the parser knows what is wrong with it
    if re.fullmatch(rb"HTTP/[2-9](\.[0-9])?", version):
        raise LoadBalancerError(505, Reason.UNSUPPORTED_VERSION, version.decode())
    if re.fullmatch(rb"HTTP/1\.[2-9]", version):
        verdict.at_least(Tier.ACCEPTABLE, "NonCompliantVersion")
        version = b"HTTP/1.1"
    elif version not in (b"HTTP/1.0", b"HTTP/1.1"):
        verdict.at_least(Tier.SEVERE, "BadVersion")
    if not TOKEN.fullmatch(method):
        verdict.at_least(Tier.SEVERE, "BadMethod")
    if re.search(rb"[\0\r]", target):
        verdict.at_least(Tier.SEVERE, "BadUri")
    if re.search(rb"[\x01-\x1f\x7f]", target):
        verdict.at_least(Tier.AMBIGUOUS, "AmbiguousUri")
    if b" " in target:
        verdict.at_least(Tier.ACCEPTABLE, "SpaceInUri")
    target = re.sub(rb"[\x00-\x20\x7f]", lambda found: b"%%%02X" % found[0][0], target)
    return method, b" ".join((method, target, version))


def _headers(lines: list[bytes], verdict: Verdict) -> Headers:
    """Return the headers; folded lines are joined, as RFC 9112, 5.2 allows."""
    joined: list[bytes] = []
    for line in lines:
        if not line.strip():
            verdict.at_least(Tier.AMBIGUOUS, "EmptyHeader")
        elif line[:1] in b" \t" and joined:
            joined[-1] += b" " + line.strip(b" \t")
        else:
            joined.append(line)
    headers: Headers = []
    for line in joined:
        name, colon, value = line.partition(b":")
        if re.search(rb"[\0\r]", line) or not colon:
            verdict.at_least(Tier.SEVERE, "BadHeader")
        elif not name.strip():
            verdict.at_least(Tier.AMBIGUOUS, "EmptyHeader")
        elif name.lower() in BODY_HEADERS:
            headers.append((name, value.strip(b" \t")))
        elif re.sub(rb"[^a-z]", b"", name.lower()) in LETTERS:
            verdict.at_least(Tier.AMBIGUOUS, "SuspiciousHeader")
        else:
            if re.search(rb"[^\t\x20-\x7e]", line):
                verdict.at_least(Tier.ACCEPTABLE, "NonCompliantHeader")
            headers.append((name, re.sub(rb"[\x01-\x08\x0a-\x1f\x7f]", b" ", value).strip(b" \t")))
    return headers


def _body_headers(headers: Headers, method: bytes, line: bytes, verdict: Verdict) -> Headers:
    """Return `headers` with one statement at most on where the body ends."""
    encodings = [value for name, value in headers if name.lower() == b"transfer-encoding"]
    lengths = [value for name, value in headers if name.lower() == b"content-length"]
    others = [(name, value) for name, value in headers if name.lower() not in BODY_HEADERS]
    length, chunked = _length(lengths, verdict), _chunked(encodings, verdict)
    if encodings and lengths:
        verdict.at_least(Tier.AMBIGUOUS, "BothTeClPresent")
    if encodings and (method in (b"GET", b"HEAD") or line.endswith(b"HTTP/1.0")):
        verdict.at_least(Tier.AMBIGUOUS, "UndefinedTransferEncodingSemantics")
    if lengths and method in (b"GET", b"HEAD"):
        if length:
            verdict.at_least(Tier.AMBIGUOUS, "UndefinedContentLengthSemantics")
        else:
            verdict.at_least(Tier.ACCEPTABLE, "GetHeadZeroContentLength")
    if chunked:
        return [*others, (b"Transfer-Encoding", b"chunked")]
    if lengths:
        return [*others, (b"Content-Length", str(length).encode())]
    return others


def _length(values: list[bytes], verdict: Verdict) -> int:
    words = [word.strip(b" \t") for value in values for word in value.split(b",")]
    if not all(re.fullmatch(rb"[0-9]+", word) for word in words):
        verdict.at_least(Tier.SEVERE, "BadContentLength")
        return 0
    # Digits are counted first: to read very many of them as a number is refused by Python.
    if any(len(word.lstrip(b"0")) > len(str(MOST_LENGTH)) for word in words):
        verdict.at_least(Tier.SEVERE, "BadContentLength")
        return 0
    lengths = [int(word) for word in words]
    if max(lengths, default=0) > MOST_LENGTH:
        verdict.at_least(Tier.SEVERE, "BadContentLength")
    if len(set(lengths)) > 1:
        verdict.at_least(Tier.SEVERE, "MultipleContentLength")
    elif len(lengths) > 1:
        verdict.at_least(Tier.AMBIGUOUS, "DuplicateContentLength")
    return lengths[0] if lengths else 0


def _chunked(values: list[bytes], verdict: Verdict) -> bool:
    words = [word.strip(b" \t").lower() for value in values for word in value.split(b",")]
    if not all(TOKEN.fullmatch(word) for word in words):
        verdict.at_least(Tier.SEVERE, "BadTransferEncoding")
    elif words.count(b"chunked") > 1:
        verdict.at_least(Tier.SEVERE, "MultipleTransferEncodingChunked")
    elif words not in ([], [b"chunked"], [b"identity"]):
        found = b", ".join(words).decode()
        raise LoadBalancerError(501, Reason.UNSUPPORTED_ENCODING, found)
    return words == [b"chunked"]
