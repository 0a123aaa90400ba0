"""The app of `logged` without the spans that FastAPI makes inside that of a request."""

from fastapi import FastAPI

from portable_runtime.request_log import RequestLog

app = FastAPI(telemetry={"operation_spans": False})
app.add_middleware(RequestLog)


@app.get("/")
async def hello():
    return {"message": "Hello World"}
