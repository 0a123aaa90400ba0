"""One command in the image, as a task of the service runs it."""

INTERRUPTED = 130  # the exit status after Ctrl-C, as a shell has it
