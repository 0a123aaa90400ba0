"""Whether this sandbox could end without losing an answer."""

import threading

waiting = threading.Event()  # set while the runtime client waits for the next invocation
