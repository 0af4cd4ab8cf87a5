"""A process that does parts of a verification: jobs come in as lines of JSON, results go out as lines.

Run by :mod:`peak_console.ledger.verifying.pool`. It ends when its standard input does, in mid-job too.
"""

import json
import os
import queue
import signal
import sys
import threading
import time
from typing import Any, Final

from peak_console.domain.errors import PeakError
from peak_console.ledger.verifying.jobs import perform

_EVERY_S: Final = 0.1


def main() -> None:
    """Work until there is no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who started this process ends it
    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(jobs,), daemon=True).start()
    said = _Said()
    while True:
        try:
            result = perform(json.loads(jobs.get()), said.progress)
        except PeakError as error:
            say({"error": error.as_dict()})
        except OSError as error:
            say({"error": {"code": "io_error", "message": str(error), "remedy": ""}})
        else:
            say({"result": result})


def say(fields: dict[str, Any]) -> None:
    """Print one line."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


class _Said:
    """Progress, not too often."""

    def __init__(self) -> None:
        self._next = 0.0

    def progress(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _EVERY_S
            say({"done": done, "total": total})


def _read(jobs: "queue.SimpleQueue[str]") -> None:
    for line in sys.stdin:
        jobs.put(line)
    os._exit(0)


if __name__ == "__main__":
    main()
