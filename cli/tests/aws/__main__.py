"""Serve an empty AWS account until Ctrl-C, and print what a shell has to export to use it.

python -m tests.aws [--region eu-west-1]
"""

import shlex
import signal
import sys
import threading
from argparse import ArgumentParser

from tests.aws.server import REGION, aws


def main() -> None:
    parser = ArgumentParser(prog="python -m tests.aws", description="Serve an empty AWS account.")
    parser.add_argument("--region", default=REGION)
    parser.add_argument("--log", action="store_true", help="print every request")
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with aws(options.region) as account:
        print("# In another shell, where everything else that asks for HTTPS is refused:")
        for name, value in account.variables.items():
            print(f"export {name}={shlex.quote(value)}")
        print("# Ctrl-C ends it.", flush=True)
        printed = 0
        while not stop.wait(0.2):
            calls = account.requests.calls
            while options.log and printed < len(calls):
                call = calls[printed]
                print(call.status, call.service, call.operation, file=sys.stderr, flush=True)
                printed += 1
            while account.requests.unanswered:
                print("Nobody answers", account.requests.unanswered.pop(), file=sys.stderr)


if __name__ == "__main__":
    main()
