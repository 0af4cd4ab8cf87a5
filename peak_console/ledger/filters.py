"""What may be asked of the ledger's events, and which index answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from peak_console.domain.events import LedgerEvent

SCAN_LIMIT: Final = 100_000
"""How many places one query may look at where no index answers it alone."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Conditions that all must hold; an empty one holds always. ``since`` and ``until`` are ledger times."""

    kinds: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    model_ids: tuple[str, ...] = ()
    run_id: str | None = None
    call_id: str | None = None
    actor: str | None = None
    since: str | None = None
    until: str | None = None
    reason: str | None = None
    verdict: str | None = None
    min_latency_us: int | None = None
    max_latency_us: int | None = None
    min_cost_eur: str | None = None
    fallback: bool | None = None

    def conditions(self) -> Iterator[tuple[str, list[Any]]]:
        """SQL conditions with their values, one for each way that an index can answer in order."""
        rest, values = self._rest()
        splits = [
            [(column, one) for one in chosen]
            for column, chosen in (("kind", self.kinds), (self._leading(), self._led()))
            if chosen
        ]
        for chosen in product(*splits):
            terms = [f"l.{column} = ?" for column, _ in chosen] + rest
            yield " AND ".join(terms) or "1", [one for _, one in chosen] + values

    def _leading(self) -> str:
        return "model_id" if self.model_ids else "layer"

    def _led(self) -> tuple[str, ...]:
        return self.model_ids or self.layers

    def _rest(self) -> tuple[list[str], list[Any]]:
        terms: list[str] = []
        values: list[Any] = []

        def add(term: str, *more: Any) -> None:
            terms.append(term)
            values.extend(more)

        among = {"role": self.roles, "provider": self.providers}
        if self.model_ids:
            among["layer"] = self.layers
        for column, chosen in among.items():
            if chosen:
                add(f"l.{column} IN ({','.join('?' * len(chosen))})", *chosen)
        for column, one in (("run_id", self.run_id), ("call_id", self.call_id), ("actor", self.actor)):
            if one is not None:
                add(f"l.{column} = ?", one)
        if self.since is not None:
            add("l.ts >= ?", self.since)
        if self.until is not None:
            add("l.ts < ?", self.until)
        for name, comparison, one in self._within_bodies():
            add(f"json_extract(CAST(b.bytes AS TEXT), '$.{name}') {comparison} ?", one)
        return terms, values

    def _within_bodies(self) -> Iterator[tuple[str, str, Any]]:
        if self.reason is not None:
            yield "reason", "=", self.reason
        if self.verdict is not None:
            yield "verdict", "=", self.verdict
        if self.fallback is not None:
            yield "fallback", "=", int(self.fallback)
        if self.min_latency_us is not None:
            yield "latency_us", ">=", self.min_latency_us
        if self.max_latency_us is not None:
            yield "latency_us", "<=", self.max_latency_us
        if self.min_cost_eur is not None:
            yield "cost_eur", ">=", self.min_cost_eur


@dataclass(frozen=True, slots=True)
class Page:
    """Events, newest first, and where to go on; ``next_before`` is ``None`` at the ledger's beginning."""

    events: tuple[LedgerEvent, ...]
    next_before: int | None


def index_for(wanted: EventFilter) -> tuple[str, bool]:
    """The index to walk, and whether it alone bounds the work."""
    if wanted.call_id is not None:
        return "INDEXED BY ledger_call", True
    if wanted.run_id is not None:
        return "INDEXED BY ledger_run", True
    residual = wanted._rest()[0]  # noqa: SLF001 - of this module
    if wanted.model_ids:
        return "INDEXED BY ledger_model", bool(wanted.kinds) and not residual
    if wanted.layers:
        return "INDEXED BY ledger_layer", bool(wanted.kinds) and not residual
    if wanted.kinds:
        return "INDEXED BY ledger_kind", not residual
    return "NOT INDEXED", not residual
