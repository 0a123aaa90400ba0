"""What the services have in common that act themselves."""

from typing import Any

from botocore import xform_name

from tests.aws.errors import AwsError


class Service:
    """A service that answers an operation with the method of its name, DescribeImages with
    `describe_images(parameters) -> result`, in botocore's shapes, and no others."""

    name = ""

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the result of an operation; raise AwsError, for an unknown one too."""
        method = getattr(self, xform_name(operation), None)
        if method is None:
            raise NotAnswered(self.name, operation)
        return method(parameters) or {}


class NotAnswered(AwsError):
    """An operation that nothing here answers: a gap of the stand-in, never a fault of the tool."""

    def __init__(self, service: str, operation: str) -> None:
        text = f"The AWS of the tests does not answer {service} {operation}."
        super().__init__("NotImplemented", text)  # no 501: the tools would ask again
