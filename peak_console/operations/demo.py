"""What the demo may be run on: a folder of its own, never a real workspace."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from peak_console.config.load import load_configs
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import LedgerUnavailable, UsageWrong
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.money import text_from_nano
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.llm.providers.adapters import ADAPTERS, base_url_variable
from peak_console.operations.locking.entries import slots_of
from peak_console.operations.locking.writing import Asked
from peak_console.simulator.models import find


def check_demo_root(root: Path) -> None:
    """Raises ``UsageWrong`` unless ``root`` is new, empty, or a demo workspace of before."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return
    if not is_simulated(Workspace(root)):
        raise UsageWrong(
            f"{root} is not empty and not a demo workspace",
            code="not_a_demo",
            remedy="name an empty folder, one that does not exist yet, or leave --root out",
        )


def is_simulated(ws: Workspace) -> bool:
    """Whether the workspace's ledger begins as a simulated one; false when that cannot be read."""
    if not ws.ledger.exists():
        return False
    try:
        with LedgerReader(ws.ledger) as reader:
            begun = reader.by_seq(1)
    except LedgerUnavailable:
        return False
    return begun is not None and (begun.body or {}).get("simulated") is True


@dataclass(frozen=True, slots=True)
class LedgerFigures:
    """What a ledger counts, over all of its time; money in nano-EUR."""

    calls: int = 0
    """Hops sent."""
    answered: int = 0
    failed: int = 0
    cancelled: int = 0
    """Of the failed: cancelled by who had asked."""
    refused: int = 0
    cost: int = 0

    def __sub__(self, before: "LedgerFigures") -> "LedgerFigures":
        return LedgerFigures(
            self.calls - before.calls,
            self.answered - before.answered,
            self.failed - before.failed,
            self.cancelled - before.cancelled,
            self.refused - before.refused,
            self.cost - before.cost,
        )

    def as_json(self) -> dict[str, Any]:
        """The figures as a summary tells them; money as exact text."""
        return {
            "calls": self.calls,
            "answered": self.answered,
            "failed": self.failed,
            "cancelled": self.cancelled,
            "refused": self.refused,
            "cost_eur": text_from_nano(self.cost),
        }


def figures_of(ws: Workspace) -> LedgerFigures:
    """What the ledger counts now, as status and the console do; zeros when there is none that can be read."""
    try:
        with LedgerReader(ws.ledger) as reader:
            rows, reasons = reader.totals(), reader.errors(0)
    except LedgerUnavailable:
        return LedgerFigures()
    return LedgerFigures(
        calls=sum(row.calls for row in rows),
        answered=sum(row.latency.count for row in rows),
        failed=sum(row.errors for row in rows),
        cancelled=sum(row.count for row in reasons if row.names[4:] == ("failed", "cancelled")),
        refused=sum(row.refused for row in rows),
        cost=sum(row.cost_nano_eur for row in rows),
    )


def events_of(ws: Workspace) -> int:
    """How many events the ledger holds; 0 when there is none that can be read."""
    try:
        with LedgerReader(ws.ledger) as reader:
            return reader.head()[0]
    except LedgerUnavailable:
        return 0


def shadow_figures(ws: Workspace, after: int = 0) -> dict[str, dict[str, int]]:
    """Shadow cycles by outcome, reasons of the gate, runs of jobs by state; behind a place of the ledger."""
    counts = {"cycles": Counter[str](), "gate_reasons": Counter[str](), "jobs": Counter[str]()}
    for event in _rare(ws, (EventKind.SHADOW_CYCLE_FINISHED, EventKind.JOB_FINISHED), after):
        body = event.body or {}
        if event.kind == EventKind.JOB_FINISHED:
            counts["jobs"][str(body.get("state"))] += 1
            continue
        counts["cycles"][str(body.get("outcome"))] += 1
        gate = body.get("gate")
        counts["gate_reasons"].update(gate.get("reasons", ()) if isinstance(gate, dict) else ())
    return {name: dict(sorted(count.items())) for name, count in counts.items()}


def _rare(ws: Workspace, kinds: tuple[EventKind, ...], after: int) -> Iterator[LedgerEvent]:
    """Events of rare kinds, newest first; none where the ledger cannot be read."""
    asked = EventFilter(kinds=tuple(one.value for one in kinds))
    try:
        with LedgerReader(ws.ledger) as reader:
            before: int | None = None
            while True:
                page = reader.find(asked, before, 500)
                yield from (one for one in page.events if one.seq > after)
                before = page.next_before
                if before is None or before <= after:
                    return
    except LedgerUnavailable:
        return


def environment_text(urls: Mapping[str, str]) -> str:
    """The environment file of the demo's jobs: where the simulator plays each provider. It holds no key."""
    lines = [f"{base_url_variable(provider)}={url}" for provider, url in sorted(urls.items())]
    return "# Made by peak demo: the simulator's addresses, for the node's jobs.\n" + "\n".join(lines) + "\n"


def demo_lock(ws: Workspace, today: date) -> Asked:
    """The lock of a new demo: its models on its operator's word, which is enough for shadow and no more.

    The names under which they answer are the simulator's, which nobody has called yet.
    """
    names = dict[str, None]()
    for slot in slots_of(load_configs(ws, today=today)):
        played = find(slot.provider, slot.model_id)
        if played is not None and played.served_as != slot.model_id:
            names[f"{slot.provider}:{slot.model_id}={played.served_as}"] = None
    return Asked("the demo locks its models", "simulated models, by the demo", snapshots=tuple(names))


def traffic_environment(environ: Mapping[str, str], urls: Mapping[str, str]) -> dict[str, str]:
    """The environment of the demo's traffic: the simulator's addresses by provider, and no provider's key."""
    keys = {adapter.key_variable for adapter in ADAPTERS.values()}
    kept = {name: value for name, value in environ.items() if name not in keys}
    return kept | {base_url_variable(provider): url for provider, url in urls.items()}
