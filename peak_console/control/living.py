"""Whether a node lives on a workspace: it holds the ``flock`` on ``audits/`` from beginning to end."""

import fcntl
import os
from pathlib import Path


def node_lives(audits: Path) -> bool:
    """Whether any process holds the node's lock, hung ones among them; what cannot be told counts as one.

    Asks for a shared lock and never waits, so that two who ask at once do not take each other for a node.
    """
    try:
        handle = os.open(audits, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False  # there is nothing to lock
    except OSError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
