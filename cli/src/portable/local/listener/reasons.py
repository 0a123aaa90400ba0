"""Why the load balancer answered by itself, or a target's answer did not reach the client."""

from enum import Enum


class Reason(Enum):
    """One reason; its value is what the access log says.

    Those named `Lambda…` are in the load balancer's own words:
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html#error-reason-codes
    """

    # The client's doing.
    CLIENT_CLOSED = "the client closed the connection"
    CLIENT_SILENT = "the client sent no data"
    MALFORMED_REQUEST = "the request is malformed"
    DESYNC = "the request could be read in two ways"
    UNSUPPORTED_VERSION = "the version is not supported"
    UNSUPPORTED_ENCODING = "the transfer encoding is not supported"
    MALFORMED_BODY = "the body is malformed"
    INCOMPLETE_BODY = "the client did not send the whole body"
    REQUEST_LINE_TOO_LONG = "the request line is over 16 K"
    HEADER_TOO_LONG = "a header is over 16 K"
    HEADERS_TOO_LONG = "the headers are over 64 K"
    UNSUPPORTED_METHOD = "the method is not supported"
    UNSUPPORTED_TARGET = "the request target is neither a path nor a URL"
    TOO_MANY_ADDRESSES = "X-Forwarded-For has over 30 addresses"

    # A target group, or a target of type `ip`.
    NO_TARGETS = "the target group cannot answer: it has no registered targets"
    ONLY_NEW_TARGETS = "the target group cannot answer: all its targets are new"
    REFUSED = "the target refused the connection"
    NO_CONNECTION = "no connection to the target within 10 s"
    NO_ANSWER = "the target did not answer in time"
    TARGET_CLOSED = "the target closed the connection"
    TARGET_ENDED = "the target ended in the middle of the response"
    MALFORMED_RESPONSE = "malformed"
    RESPONSE_HEADERS_TOO_LONG = "the response headers are over 32 K"
    DEREGISTERED = "the deregistration delay has elapsed"

    # The function.
    BAD_REQUEST = "LambdaBadRequest"
    REQUEST_TOO_LARGE = "LambdaRequestTooLarge"
    WEBSOCKET = "LambdaWebsocketNotSupported"
    THROTTLED = "LambdaThrottling"
    UNHANDLED = "LambdaUnhandled"
    INVALID_RESPONSE = "LambdaInvalidResponse"
    RESPONSE_TOO_LARGE = "LambdaResponseTooLarge"

    INTERNAL = "a fault of the local run"

    def text(self, detail: str) -> str:
        """Return it as the access log has it, with what is particular to one request."""
        return f"{self.value}: {detail}" if detail else self.value
