"""The tutorial's app with what the project's app has around its routes: the request log."""

from main import app

from portable_runtime.request_log import RequestLog

app.add_middleware(RequestLog)
