"""The road of a governed call: plan, posture, ledger, lease, provider, ledger.

Other programs use :func:`open_client`, or :class:`Client` over a ledger client of their own.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peak_console.llm.client import Client
    from peak_console.llm.opening import open_client

__all__ = ["Client", "open_client"]

_HOMES = {"Client": "peak_console.llm.client", "open_client": "peak_console.llm.opening"}


def __getattr__(name: str) -> Any:
    """Load what is asked for: the pure parts of this room are used without the transport."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
