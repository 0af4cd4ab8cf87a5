"""A worker without a protocol: ``flood`` prints 10 MB without an end of line, ``mute`` closes its output."""

import json
import os
import sys

FLOOD = 10 * 1024 * 1024


def main() -> None:
    """One run."""
    how = json.loads(sys.stdin.readline())["params"]["how"]
    if how == "mute":
        os.close(1)
        os.close(2)
    else:
        left = FLOOD
        while left > 0:
            left -= os.write(1, b"[" * min(left, 65_536))
    os._exit(0)


if __name__ == "__main__":
    main()
