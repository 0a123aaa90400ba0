"""What a call of the stand-in answers when it fails."""


class AwsError(Exception):
    """The answer of a call that failed: AWS's code and message, and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


def invalid(message: str) -> AwsError:
    """What CloudFormation answers to most mistakes."""
    return AwsError("ValidationError", message)
