"""The first head of a ledger that a recovery wrote: signed and anchored at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.ledger.heads.notary import Notary
from peak_console.node.notarychild import means_of

_ROUNDS: Final = 1000
"""More than a new ledger's events take."""


@dataclass(frozen=True, slots=True)
class FirstHead:
    """What became of it."""

    size: int = 0
    """Events under it; 0 where it could not be signed."""
    problem: str = ""
    """Why it could not be signed, or not be kept in an anchor; empty where nothing is wrong."""
    remedy: str = ""


def sign_first_head(ws: Workspace, environ: Mapping[str, str] | None = None) -> FirstHead:
    """Sign the head of the workspace's ledger and keep it in every anchor. Never raises ``PeakError``."""
    notary = Notary(means_of(ws, environ), _silent)
    try:
        for _ in range(_ROUNDS):
            if not notary.round(ending=True) and notary.settled:
                break
        told = notary.status()
    finally:
        notary.close()
    anchors = [one for one in told["anchors"] if one["problem"]]
    worst: Mapping[str, Any] = told if told["problem"] or not anchors else anchors[0]
    return FirstHead(told["size"], str(worst["problem"]), str(worst["remedy"]))


def _silent(_: dict[str, Any]) -> None:
    """The next node's notary finds the head and has it recorded."""
