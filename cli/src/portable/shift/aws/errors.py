"""What AWS and boto3 raise, as one sentence that says what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSOError,
)

from portable.errors import PortableError

# Those that botocore retries, and those that name the same in another protocol.
THROTTLED = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
}
BROKEN = {"InternalFailure", "InternalError", "ServiceUnavailable", "InternalServiceFault"}
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
INVALID = {
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "AuthFailure",
    "IncompleteSignature",
    "MissingAuthenticationToken",
}
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AccessDeniedFault"}
NO_ANSWER = (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    HTTPClientError,
)


class NoAnswer(PortableError):
    """AWS gave no answer yet: throttling, a failure of its own, no network."""


class NoStack(PortableError):
    """There is no stack of that name."""


class NotUpdating(PortableError):
    """The stack is not in UPDATE_IN_PROGRESS, so nothing can be taken back."""


# CloudFormation has one code, ValidationError, for all that it refuses, and for a change set
# without changes it has no code. Its sentences are read here and nowhere else.
REFUSALS = {
    "does not exist": NoStack,
    "cannot be called from current stack status": NotUpdating,
}
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


def has_no_changes(reason: str) -> bool:
    """Return whether `reason`, of a change set that failed, says that it would change nothing."""
    return any(text in reason for text in NO_CHANGES)


@contextmanager
def sentences(region: str) -> Iterator[None]:
    """Raise `PortableError` for what boto3 raises in the block; `NoAnswer` for what may pass."""
    try:
        yield
    except ClientError as error:
        raise _answer(error, region) from None
    except NO_ANSWER as error:
        text = f"{region} cannot be reached ({str(error).rstrip('.')}): is there a network, and "
        raise NoAnswer(f"{text}is {region} the right region?") from None
    except BotoCoreError as error:
        raise PortableError(no_session(error)) from None


def no_session(error: BotoCoreError) -> str:
    """Return the sentence for credentials, profiles and regions that are not there."""
    if isinstance(error, NoRegionError):
        return "no region is set: set AWS_DEFAULT_REGION, or the region of the profile."
    if isinstance(error, ProfileNotFound):
        return f"{str(error).rstrip('.')}: set AWS_PROFILE to one that `aws configure` made."
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return (
            "there are no AWS credentials: set AWS_PROFILE to a profile that `aws configure` made."
        )
    if isinstance(error, SSOError | CredentialRetrievalError):
        return f"the AWS credentials cannot be had: {str(error).rstrip('.')}: log in again."
    return f"boto3 cannot do this: {' '.join(str(error).split()).rstrip('.')}."


def _answer(error: ClientError, region: str) -> PortableError:
    code = error.response.get("Error", {}).get("Code", "")
    message = error.response.get("Error", {}).get("Message", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    action = error.operation_name
    if code in THROTTLED:
        return NoAnswer(f"AWS throttles {action} and still does after retries: try again later.")
    if code in BROKEN or status >= 500:
        return NoAnswer(f"AWS failed to answer {action} ({code or status}): try again later.")
    if code in EXPIRED:
        return PortableError(f"the AWS credentials have expired ({code}): renew them.")
    if code in INVALID:
        text = f"AWS does not accept the credentials ({code}): are they of this account, and is"
        return PortableError(f"{text} {region} enabled in it?")
    if code in DENIED:
        # "User: ARN is not authorized to perform: cloudformation:CreateChangeSet on resource: ..."
        named = re.search(r"perform: ([a-z0-9-]+:[A-Za-z]+)", message)
        needed = named[1] if named else action
        return PortableError(f"access denied: the credentials in use need {needed}.")
    refused = code == "ValidationError"
    kinds = (kind for text, kind in REFUSALS.items() if refused and text in message)
    kind = next(kinds, PortableError)
    return kind(f"AWS refused {action}: {message.strip().rstrip('.') or code}.")
