"""The Lambda side: `handler` turns one ALB event into one request to the app."""

import os
from typing import Any

from mangum import Mangum
from mangum.protocols import HTTPCycle, LifespanCycle
from mangum.types import LambdaContext, LambdaEvent

from portable_api.logs import configure_logging
from portable_api.settings import Settings, load_app


class LambdaApp(Mangum):
    """Mangum with the app's start-up run once per sandbox instead of once per invocation."""

    def __init__(self, app: Any) -> None:
        super().__init__(app, lifespan="off")
        self.lifespan_cycle = LifespanCycle(app, "auto")
        self.lifespan_cycle.__enter__()

    def __call__(self, event: LambdaEvent, context: LambdaContext) -> dict[str, Any]:
        """Answer one invocation: an ALB event in, an ALB response out."""
        request = self.infer(event, context)
        scope = {**request.scope, "state": self.lifespan_cycle.lifespan_state.copy()}
        return request(HTTPCycle(scope, request.body)(self.app))


settings = Settings.from_environment(os.environ)
configure_logging(settings.log_level, settings.execution_environment)
handler = LambdaApp(load_app(settings.asgi_app))
