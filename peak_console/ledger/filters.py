"""What may be asked of the ledger's events, and which index answers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from peak_console.domain.events import EventKind, LedgerEvent

SCAN_LIMIT: Final = 100_000
"""How many places one query may look at where no index answers it alone."""

ENDED: Final = (EventKind.CALL_COMPLETED.value, EventKind.CALL_FAILED.value, EventKind.CALL_REFUSED.value)
"""The kinds that end a hop: what a list of calls is made of."""

RARE_SQL: Final = "kind NOT IN ('llm.call.requested', 'llm.call.completed')"
"""The condition of the index on kinds, word for word, as SQLite wants it to use a partial index."""

_ENDED_SQL = "kind IN ('llm.call.completed', 'llm.call.failed', 'llm.call.refused')"
_COMMON = frozenset({EventKind.CALL_REQUESTED.value, EventKind.CALL_COMPLETED.value})


@dataclass(frozen=True, slots=True)
class Walk:
    """One way down the ledger: which index and condition; ``exact`` where the index bounds the work."""

    index: str
    condition: str
    values: tuple[Any, ...]
    exact: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Events, newest first, and where to go on; ``next_before`` is ``None`` at the ledger's beginning."""

    events: tuple[LedgerEvent, ...]
    next_before: int | None


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Conditions that all must hold; an empty one holds always. ``since`` and ``until`` are ledger times.

    Latency, cost, reason, verdict and fallback are looked up in bodies: an event whose body was pruned fits
    none of them. ``min_cost_eur`` has nine decimals.
    """

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

    @property
    def asks_bodies(self) -> bool:
        """Whether a condition is looked up in bodies, so that events with pruned ones are passed over."""
        return any(True for _ in self._of_body())

    def walks(self) -> list[Walk]:
        """The walks that together find every event that fits, each newest first."""
        if self.call_id is not None or self.run_id is not None:
            index = "ledger_call" if self.call_id is not None else "ledger_run"
            return [self._walk(f"INDEXED BY {index}", exact=True)]
        if self.kinds and not _COMMON & set(self.kinds):
            return [self._walk("INDEXED BY ledger_kind", RARE_SQL, kinds=(kind,)) for kind in self.kinds]
        if self.kinds and set(self.kinds) <= set(ENDED):
            if self.model_ids:
                return [
                    self._walk("INDEXED BY ledger_model", _ENDED_SQL, model_ids=(one,))
                    for one in self.model_ids
                ]
            if self.layers:
                return [
                    self._walk("INDEXED BY ledger_layer", _ENDED_SQL, layers=(one,)) for one in self.layers
                ]
        return [self._walk("NOT INDEXED")]

    def _walk(self, index: str, *given: str, exact: bool = False, **led: Sequence[str]) -> Walk:
        """One walk along ``index``, whose own condition is ``given`` and whose leading column ``led``."""
        terms, extra = list(given), 0
        values: list[Any] = []
        for column, chosen in self._columns():
            among = led.get(f"{column}s", chosen)
            if not among or (column == "kind" and _ENDED_SQL in given and set(among) == set(ENDED)):
                continue
            terms.append(
                f"l.{column} IN ({','.join('?' * len(among))})" if len(among) > 1 else f"l.{column} = ?"
            )
            values += among
            extra += f"{column}s" not in led
        for term, value in (*self._of_header(), *self._of_body()):
            terms.append(term)
            values.append(value)
            extra += 1
        return Walk(index, " AND ".join(terms) or "1", tuple(values), exact or not extra)

    def _columns(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        yield "kind", self.kinds
        yield "layer", self.layers
        yield "role", self.roles
        yield "provider", self.providers
        yield "model_id", self.model_ids

    def _of_header(self) -> Iterator[tuple[str, Any]]:
        for column, one in (("run_id", self.run_id), ("call_id", self.call_id), ("actor", self.actor)):
            if one is not None:
                yield f"l.{column} = ?", one
        if self.since is not None:
            yield "l.ts >= ?", self.since
        if self.until is not None:
            yield "l.ts < ?", self.until

    def _of_body(self) -> Iterator[tuple[str, Any]]:
        fallback = None if self.fallback is None else int(self.fallback)
        for name, comparison, one in (
            ("reason", "=", self.reason),
            ("verdict", "=", self.verdict),
            ("fallback", "=", fallback),
            ("latency_us", ">=", self.min_latency_us),
            ("latency_us", "<=", self.max_latency_us),
        ):
            if one is not None:
                yield f"json_extract(CAST(b.bytes AS TEXT), '$.{name}') {comparison} ?", one
        if self.min_cost_eur is not None:
            # Money has nine decimals; without its point it is a whole number of nano-EUR.
            cost = "CAST(replace(json_extract(CAST(b.bytes AS TEXT), '$.cost_eur'), '.', '') AS INTEGER)"
            yield f"{cost} >= CAST(replace(?, '.', '') AS INTEGER)", self.min_cost_eur
