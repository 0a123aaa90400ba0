"""A result as JSON, no larger than a load balancer takes it."""

import logging
from typing import Any

from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller

from portable_runtime.alb_result import MAX_RESULT, too_large

logger = logging.getLogger(__name__)


class Marshaller(LambdaMarshaller):  # type: ignore[misc]
    """The runtime client's own, which makes the JSON anyway, and then looks at its size."""

    request_id = ""

    def marshal_response(self, response: Any) -> tuple[bytes, str]:
        """Return the JSON of a result, or of one that says that it is too large."""
        data, content_type = super().marshal_response(response)
        if isinstance(data, str):
            data = data.encode()
        of_alb = isinstance(response, dict) and "statusCode" in response
        if of_alb and len(data) > MAX_RESULT:
            result = too_large(response, len(data))
            # template.yaml counts these lines: no reason for the failover to leave the side.
            more = {"request_id": self.request_id, "refused_bytes": len(data)}
            logger.error(result["body"], extra=more)
            data = super().marshal_response(result)[0].encode()
        return data, content_type
