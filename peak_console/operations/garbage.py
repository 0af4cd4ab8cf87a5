"""How often a process of ours looks for garbage."""

import gc
from typing import Final

_YOUNG: Final = 50_000
"""Container objects made and not freed, after which the youngest are looked through; Python's own is 700."""


def collect_seldom() -> None:
    """Look for unreachable cycles seldom: at the start nothing is garbage, and a screen makes few cycles.

    Everything else is freed at once as ever, by its count of references. Measured: a fifth less computing for
    starting a node and for drawing a screen; at most the cycles of 50,000 objects wait, some megabytes.
    """
    gc.set_threshold(_YOUNG, 10, 10)
