"""A node that is killed in the midst of a lowering: ``python dying_node.py METHOD --root ROOT …``.

It dies by SIGKILL when that step of :class:`peak_console.node.lowering.Lowering` is done: ``_remember``
(before the lease), ``_show`` (before the record), ``_record`` (before the answer).
"""

import asyncio
import os
import signal
import sys
from typing import Any

from peak_console.node.foreground import main
from peak_console.node.lowering import Lowering


def die_after(name: str) -> None:
    """Have the node die as soon as this step is done."""
    step = getattr(Lowering, name)

    async def later(*args: Any) -> Any:
        await step(*args)
        os.kill(os.getpid(), signal.SIGKILL)

    def now(*args: Any) -> Any:
        step(*args)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(Lowering, name, later if asyncio.iscoroutinefunction(step) else now)


die_after(sys.argv.pop(1))
main()
