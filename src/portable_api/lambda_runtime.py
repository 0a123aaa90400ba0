"""Starts the Lambda runtime client: `python -m portable_api.lambda_runtime MODULE.HANDLER`."""

import os
import sys

# On an image that is not an AWS base image the client needs to be told that it may answer in
# UTF-8 and leave its main thread free for SIGTERM; it knows those by this name, from 3.12 on.
# The variable is reserved in a function's configuration, and on Fargate it has another value,
# so neither the template nor the image can set it.
minor = max(sys.version_info.minor, 12)
os.environ["AWS_EXECUTION_ENV"] = f"AWS_Lambda_python3.{minor}"

from awslambdaric.__main__ import main  # noqa: E402

if __name__ == "__main__":
    main(sys.argv)
