"""A process that works for this one, and that can be ended when it takes too long."""

import contextlib
import os
import pickle
import queue
import struct
import subprocess
import sys
import threading
import weakref

#: Variables that native thread pools read when their library is loaded.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
#: Seconds that a process may take to import what it needs.
START_LIMIT_S = 300.0

_END = object()


class TimeIsUpError(Exception):
    """No reply came in time, and the process was ended."""


class ProcessDiedError(Exception):
    """The process ended by itself; the message says how."""


class WorkerProcess:
    """Run :mod:`autometa.collecting._serve` in an interpreter of its own.

    A fit in native code cannot be interrupted, only its process ended. Neither a fork (native
    thread pools do not survive it) nor multiprocessing (a Dask worker may have no children of its
    kind, and it runs the user's script again) would do. It ends when this process does.

    Parameters
    ----------
    n_threads : int
        Of its native thread pools.

    Raises
    ------
    RuntimeError
        Where it does not start: no result of any configuration, but a fault of the environment.
    """

    def __init__(self, n_threads=1):
        paths = [path for path in sys.path if path]
        environment = {
            **os.environ,
            **dict.fromkeys(THREAD_VARIABLES, str(n_threads)),
            "PYTHONPATH": os.pathsep.join(paths),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "autometa.collecting._serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._replies = queue.SimpleQueue()
        reader = threading.Thread(
            target=_read_all, args=(self._process.stdout, self._replies), daemon=True
        )
        reader.start()
        self.close = weakref.finalize(self, _end, self._process, reader)
        try:
            self._receive(START_LIMIT_S)
        except (TimeIsUpError, ProcessDiedError) as error:
            raise RuntimeError(
                f"No process can be started to evaluate in: {error or 'it did not answer'}. "
                "Does `python -m autometa --version` run in this environment? "
                "time_limit_s=None evaluates without one."
            ) from None

    def ask(self, request, limit_s):
        """Send a request and wait for its reply.

        Raises
        ------
        TimeIsUpError, ProcessDiedError
            Afterwards the process is gone.
        """
        with contextlib.suppress(OSError, ValueError):  # it has died: receiving says how
            write_message(self._process.stdin, request)
        return self._receive(limit_s)

    @property
    def is_alive(self):
        return self.close.alive and self._process.poll() is None

    def _receive(self, limit_s):
        try:
            reply = self._replies.get(timeout=limit_s)
        except queue.Empty:
            self.close()
            raise TimeIsUpError from None
        if reply is _END:
            code = self._process.wait()
            self.close()
            how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
            raise ProcessDiedError(f"the process {how}") from None
        return reply


def write_message(stream, content):
    """Write one pickled message with its length before it."""
    data = pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(struct.pack("<Q", len(data)))
    stream.write(data)
    stream.flush()


def read_message(stream):
    """Read one message.

    Raises
    ------
    EOFError
        Where the stream ends.
    """
    return pickle.loads(_read_exactly(stream, *struct.unpack("<Q", _read_exactly(stream, 8))))


def _read_exactly(stream, n_bytes):
    data = stream.read(n_bytes)
    if len(data) < n_bytes:
        raise EOFError
    return data


def _read_all(stream, replies):
    """Pass on messages until there are no more, then say so."""
    with contextlib.suppress(EOFError, OSError, ValueError):
        while True:
            replies.put(read_message(stream))
    replies.put(_END)


def _end(process, reader):
    if process.poll() is None:
        process.kill()
    process.wait()
    reader.join()
    with contextlib.suppress(OSError):
        process.stdin.close()
    process.stdout.close()
