"""What the other process runs: it evaluates what it is sent until nothing more comes."""

import os
import queue
import sys
import threading

from autometa.collecting._evaluations import Evaluations
from autometa.collecting._process import read_message, write_message


def main():
    """Answer requests from the standard input on the standard output."""
    # Libraries print to the standard output, which is for replies alone.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests = queue.SimpleQueue()
    threading.Thread(target=_read_all, args=(requests,), daemon=True).start()
    evaluations = Evaluations()
    write_message(replies, "ready")
    while True:
        name, arguments = requests.get()
        write_message(replies, getattr(evaluations, name)(*arguments))


def _read_all(requests):
    """Read on while a fit runs, so that the end of the parent process ends this one at once."""
    try:
        while True:
            requests.put(read_message(sys.stdin.buffer))
    except (EOFError, OSError):
        os._exit(0)


if __name__ == "__main__":
    main()
