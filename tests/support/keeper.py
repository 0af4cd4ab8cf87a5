"""``python keeper.py COMMAND…``: runs a program until it ends or standard input does, whichever is first.

A test holds the other end of standard input, so the program ends with the test run however that ends,
also by SIGKILL.
"""

import os
import signal
import subprocess
import sys
import threading

GRACE_S = 5.0


def main() -> int:
    """Run the program in a process group of its own. Gives its exit code."""
    program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)
    for asking in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(asking, signal.SIG_IGN)  # what ends the test run's whole group must not end this first

    def watch() -> None:
        while os.read(0, 4096):
            pass
        for ending in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(program.pid, ending)
                program.wait(GRACE_S)
            except (ProcessLookupError, PermissionError):
                return
            except subprocess.TimeoutExpired:
                continue

    threading.Thread(target=watch, daemon=True).start()
    return program.wait()


if __name__ == "__main__":
    sys.exit(main())
