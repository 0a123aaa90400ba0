"""Starts the Lambda runtime client: `python -m portable_runtime.lambda_runtime MODULE.HANDLER`."""

import gc

gc.disable()  # until all is imported: that is kept, and to look for garbage in it takes time

import os  # noqa: E402
import sys  # noqa: E402
from typing import Any  # noqa: E402

from portable_runtime.idle import busy  # noqa: E402

# On an image that is not an AWS base image the client needs to be told that it may answer in
# UTF-8; it knows those by this name, from 3.12 on. The variable is reserved in a function's
# configuration, and on Fargate it has another value, so neither the template nor the image can
# set it.
minor = max(sys.version_info.minor, 12)
os.environ["AWS_EXECUTION_ENV"] = f"AWS_Lambda_python3.{minor}"

import awslambdaric.__main__ as runtime  # noqa: E402
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient  # noqa: E402

from portable_runtime.marshaller import Marshaller  # noqa: E402


class RuntimeClient(LambdaRuntimeClient):  # type: ignore[misc]
    """The client, without the thread that it starts for each invocation, and with `busy`."""

    starting = True

    def __init__(self, address: str, use_thread: bool) -> None:
        super().__init__(address, use_thread_for_polling_next=False)  # see idle.on_sigterm
        self.marshaller = Marshaller()
        busy.acquire()

    def wait_next_invocation(self) -> Any:
        """Return the next invocation."""
        if self.starting:
            self.starting = False
            gc.freeze()  # what has been imported is not looked through again
            gc.enable()
        busy.release()
        try:
            invocation = super().wait_next_invocation()
        finally:
            busy.acquire()
        self.marshaller.request_id = invocation.invoke_id
        return invocation


if __name__ == "__main__":
    runtime.LambdaRuntimeClient = RuntimeClient
    runtime.main(sys.argv)
