"""Both entry points in one process, in which a debugger works on either side.

This file is a program that the Python of the image's packages runs: it imports nothing of the
command line. Its argument is a JSON object: `code` is the folder of the service's modules,
`lambda` has `environment`, `handler` and the `port` to take events on, `fargate` has
`environment` and `command`, the words after `python`.
"""

import ctypes
import importlib
import json
import os
import runpy
import signal
import sys
import threading
import time
import traceback
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

DAY = 86_400  # seconds: nobody is cut off at a breakpoint
PR_SET_PDEATHSIG = 1


def main(given: dict[str, Any]) -> None:
    """Serve both sides until this process is ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # with the local run, if it dies
    base = dict(os.environ)
    imported = threading.Event()
    function = given["lambda"]
    os.environ.update(function["environment"])
    # In a thread of its own from the import on: an event loop belongs to its thread.
    threading.Thread(target=serve_events, args=(function, imported), daemon=True).start()
    imported.wait()
    forget(given["code"])
    os.environ.clear()
    os.environ.update(base | given["fargate"]["environment"])
    serve_requests(given["fargate"]["command"])


def forget(code: str) -> None:
    """Have the modules below the folder `code` imported anew: each side has its own ones.

    But for installed packages, where their environment is in that folder: those in C may crash.
    """
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None) or ""
        if path.startswith(os.path.join(code, "")) and not path.startswith(sys.prefix):
            del sys.modules[name]


def serve_requests(command: list[str]) -> None:
    """Run the server of the Fargate side, as in `python -m portable_runtime.server`."""
    option, name, *arguments = command
    sys.argv = [name, *arguments]
    if option == "-m":
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        sys.exit(f"cannot debug {command!r}: expected -m and a module.")


def serve_events(function: dict[str, Any], imported: threading.Event) -> None:
    """Take the events that the emulator would, and answer with what the handler returns."""
    try:
        module, _, name = function["handler"].rpartition(".")
        handler = getattr(importlib.import_module(module), name)
    except BaseException:
        traceback.print_exc()
        os._exit(1)  # as a sandbox does; the main thread would wait for ever
    finally:
        imported.set()

    class Invocations(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer(404, {})

        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(200, invoke(handler, event, function["environment"]))

        def answer(self, status: int, result: Any) -> None:
            body = json.dumps(result).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    HTTPServer(("127.0.0.1", function["port"]), Invocations).serve_forever()


def invoke(handler: Any, event: Any, environment: dict[str, str]) -> Any:
    """Return the result of `handler`, or its exception as the runtime client describes it."""
    from awslambdaric.lambda_context import LambdaContext

    name = environment["AWS_LAMBDA_FUNCTION_NAME"]
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    deadline = int((time.time() + DAY) * 1000)
    try:
        return handler(event, LambdaContext(str(uuid.uuid4()), None, None, deadline, arn))
    except Exception as error:
        traceback.print_exc()
        frames = traceback.format_tb(error.__traceback__)
        kind = type(error).__name__
        return {"errorType": kind, "errorMessage": str(error), "stackTrace": frames}


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
