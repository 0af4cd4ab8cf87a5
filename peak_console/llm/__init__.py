"""The road of a governed call: plan, posture, ledger, lease, provider, ledger.

Other programs use :func:`open_client`, or :func:`open_sync_client` without an event loop, and the names
beside them (docs/api.md); :class:`Client` runs over a ledger client of their own.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peak_console.domain.calls import (
        CallLimits,
        CallRequest,
        CallResult,
        Delta,
        HostedTool,
        Message,
        ToolCall,
        ToolDefinition,
        Usage,
    )
    from peak_console.llm.client import Client
    from peak_console.llm.handing import CallStream
    from peak_console.llm.opening import open_client
    from peak_console.llm.runs import Run
    from peak_console.llm.sync import SyncClient, open_sync_client

__all__ = [
    "CallLimits",
    "CallRequest",
    "CallResult",
    "CallStream",
    "Client",
    "Delta",
    "HostedTool",
    "Message",
    "Run",
    "SyncClient",
    "ToolCall",
    "ToolDefinition",
    "Usage",
    "open_client",
    "open_sync_client",
]

_HOMES = {
    "CallStream": "peak_console.llm.handing",
    "Client": "peak_console.llm.client",
    "Run": "peak_console.llm.runs",
    "SyncClient": "peak_console.llm.sync",
    "open_client": "peak_console.llm.opening",
    "open_sync_client": "peak_console.llm.sync",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for: the pure parts of this room are used without the transport."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "peak_console.domain.calls")), name)
