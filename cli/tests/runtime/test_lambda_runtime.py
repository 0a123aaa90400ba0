"""What the runtime client does between invocations, in a process of its own."""

import os
import signal
import subprocess
import sys

START = """
import gc, threading
from portable_runtime import idle, lambda_runtime
before = gc.isenabled()


def free():
    # Whether another thread may have `busy`.
    taken = []

    def take():
        if idle.busy.acquire(blocking=False):
            idle.busy.release()
            taken.append(True)

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return bool(taken)


class Invocation:
    invoke_id = "invocation-1"

    def __init__(self):
        self.free = free()


lambda_runtime.LambdaRuntimeClient.wait_next_invocation = lambda self: Invocation()
client = lambda_runtime.RuntimeClient("127.0.0.1:9", True)
"""
SANDBOX = """
import os, signal, sys, time
from portable_runtime import idle

def end():
    print("ended", flush=True)
    os._exit(0)

idle.busy.acquire()
idle.on_sigterm(end)
os.kill(os.getpid(), signal.SIGTERM)
print("busy", flush=True)
sys.stdin.readline()
idle.busy.release()
time.sleep(60)
"""


def output(script: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_garbage_is_collected_from_the_first_wait_on():
    script = START + "client.wait_next_invocation()\nprint(before, gc.isenabled())\n"
    script += "gc.disable()  # as an app may\nclient.wait_next_invocation()\nprint(gc.isenabled())"
    assert output(script) == ["False", "True", "False"]


def test_the_client_starts_no_thread_to_wait_in():
    assert output(START + "print(client.use_thread_for_polling_next)") == ["False"]


def test_a_sandbox_is_idle_only_while_the_client_waits():
    script = START + "print(free(), client.wait_next_invocation().free, free())"
    assert output(script) == ["False", "True", "False"]


def test_sigterm_waits_for_the_answer():
    with subprocess.Popen(
        [sys.executable, "-c", SANDBOX], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as sandbox:
        try:
            assert sandbox.stdout.readline() == "busy\n"
            os.kill(sandbox.pid, signal.SIGTERM)  # again: nothing more
            out, _ = sandbox.communicate("go on\n", timeout=30)
        finally:
            sandbox.kill()
    assert (out, sandbox.returncode) == ("ended\n", 0)
