"""Logging as one JSON object per line on standard output, with the same fields on both targets."""

import json
import logging
import os
import sys
import time
from functools import lru_cache

# What every record has. The rest are the fields of `extra`, of a filter, or of a record factory,
# such as the one of OpenTelemetry; but for uvicorn's message with colours.
STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "color_message"}
encode = json.JSONEncoder(default=str).encode


class JSONFormatter(logging.Formatter):
    """Formats any log record of the process as one JSON line, the fields of `extra` included.

    `version` is the function's, by which the alarms of template.yaml tell a new one from the one
    before, and empty elsewhere. Lambda filters JSON log lines by `timestamp` and `level`:
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    """

    def __init__(self, target: str, version: str = "") -> None:
        super().__init__()
        self.target = target
        self.version = version

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": timestamp(record.created),
            "level": record.levelname,
            "message": record.getMessage(),
            "target": self.target,
            "version": self.version,
            "logger": record.name,
        }
        for name, value in vars(record).items():
            if name not in STANDARD:
                line.setdefault(name, value)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return encode(line)


def timestamp(seconds: float) -> str:
    """Return `seconds` since the epoch as RFC 3339 in UTC with milliseconds."""
    whole, milliseconds = divmod(int(seconds * 1000), 1000)
    return f"{_whole(whole)}.{milliseconds:03d}Z"


@lru_cache(maxsize=1)
def _whole(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def configure_logging(level: str, target: str) -> None:
    """Send every record of `level` and above to standard output as JSON.

    Replaces the handlers of the Lambda runtime client, so that both targets write alike.
    """
    handler = logging.StreamHandler(sys.stdout)
    version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")
    handler.setFormatter(JSONFormatter(target, version))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("mangum").setLevel(logging.WARNING)  # tells each step of the lifespan
