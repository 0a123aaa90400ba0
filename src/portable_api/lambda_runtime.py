"""Starts the Lambda runtime client: `python -m portable_api.lambda_runtime MODULE.HANDLER`."""

import os
import sys
from typing import Any

from portable_api.idle import waiting

# On an image that is not an AWS base image the client needs to be told that it may answer in
# UTF-8 and leave its main thread free for SIGTERM; it knows those by this name, from 3.12 on.
# The variable is reserved in a function's configuration, and on Fargate it has another value,
# so neither the template nor the image can set it.
minor = max(sys.version_info.minor, 12)
os.environ["AWS_EXECUTION_ENV"] = f"AWS_Lambda_python3.{minor}"

import awslambdaric.__main__ as runtime  # noqa: E402
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient  # noqa: E402


class RuntimeClient(LambdaRuntimeClient):  # type: ignore[misc]
    """The client, which says when it waits: then the latest result has been posted."""

    def wait_next_invocation(self) -> Any:
        """Return the next invocation."""
        waiting.set()
        try:
            return super().wait_next_invocation()
        finally:
            waiting.clear()


if __name__ == "__main__":
    runtime.LambdaRuntimeClient = RuntimeClient
    runtime.main(sys.argv)
