"""The last five minutes, folded event by event in buckets of five seconds: finer than any rollup. Pure."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.operations.views.body_fields import time_of
from peak_console.operations.views.calls import CallLine
from peak_console.operations.views.hop_fold import ENDED, line_of
from peak_console.operations.views.live import KEY_REFUSED, Points
from peak_console.operations.views.pending import marked

STEP_S: Final = 5
SPAN_S: Final = 300
_TAIL: Final = 60
_ACCEPTED_KEPT: Final = 500
_FAIL: Final = "FAIL"


@dataclass(slots=True)
class _Bucket:
    """Five seconds: hops sent by layer, their cost, the latencies of answers, critic fails."""

    sent: dict[str, int] = field(default_factory=dict)
    cost: int = 0
    latencies: list[float] = field(default_factory=list)
    fails: int = 0


_Read = Callable[[_Bucket], float]
_NOTHING: Final = _Bucket()


class Recent:
    """A fold over closing events. Feed it each event once, in any order; old buckets fall away."""

    def __init__(self) -> None:
        self._buckets: dict[int, _Bucket] = {}
        self._tail: deque[CallLine] = deque(maxlen=_TAIL)
        self._background: dict[tuple[str, int], None] = {}
        self._answered: dict[str, int] = {}
        self._key_refused: dict[str, int] = {}

    def take(self, events: Iterable[LedgerEvent]) -> None:
        """Fold ``events`` in, ascending and newer than all before."""
        for event in events:
            line = self._fold(event)
            if line is not None:
                self._tail.appendleft(line)

    def take_older(self, events: Iterable[LedgerEvent]) -> None:
        """Fold ``events`` in, descending and older than all before."""
        for event in events:
            line = self._fold(event)
            if line is not None and len(self._tail) < _TAIL:
                self._tail.append(line)

    def _fold(self, event: LedgerEvent) -> CallLine | None:
        if event.kind == EventKind.CRITIC_JUDGED:
            body = event.body or {}
            if body.get("verdict") == _FAIL:
                self._bucket(_second(event)).fails += 1
            return None
        if event.kind == EventKind.CALL_ACCEPTED:
            self._note_background(line_of(event))
        line = line_of(event) if event.kind in ENDED else None
        if line is None:
            return None
        self._count(line, event)
        return line

    def _count(self, line: CallLine, event: LedgerEvent) -> None:
        self._note_key(line)
        if line.outcome == "refused":
            return
        bucket = self._bucket(int(line.ts.timestamp()))
        bucket.cost += line.cost or 0
        if line.outcome == "ok" or _was_sent(event.body or {}):
            bucket.sent[line.layer] = bucket.sent.get(line.layer, 0) + 1
        if line.outcome == "ok" and line.latency_ms is not None:
            bucket.latencies.append(line.latency_ms)

    def _note_background(self, accepted: CallLine | None) -> None:
        """Remember that a hop was background work: its end does not say so."""
        if accepted is not None:
            self._background[accepted.call_id, accepted.hop] = None
            while len(self._background) > _ACCEPTED_KEPT:
                del self._background[next(iter(self._background))]

    def _note_key(self, line: CallLine) -> None:
        """Remember the newest answer and the newest refused key of each provider, by their place."""
        refused = line.outcome == "failed" and line.reason == KEY_REFUSED
        if refused or line.outcome == "ok":
            newest = self._key_refused if refused else self._answered
            newest[line.provider] = max(line.seq, newest.get(line.provider, 0))

    def refused_keys(self) -> tuple[str, ...]:
        """Providers that refused our key, and have answered nothing since."""
        return tuple(
            sorted(name for name, seq in self._key_refused.items() if seq > self._answered.get(name, 0))
        )

    def _bucket(self, second: int) -> _Bucket:
        return self._buckets.setdefault(second // STEP_S, _Bucket())

    def forget(self, now_s: float) -> None:
        """Drop what is older than the span."""
        oldest = int(now_s - SPAN_S) // STEP_S - 1
        for place in [place for place in self._buckets if place < oldest]:
            del self._buckets[place]

    @property
    def tail(self) -> tuple[CallLine, ...]:
        """The newest lines, newest first."""
        if not self._background:
            return tuple(self._tail)
        known = frozenset(self._background)
        return tuple(marked(line, known) for line in self._tail)

    def sent_in_last(self, seconds: int, now_s: float) -> int:
        """Hops sent in the last ``seconds``, to the bucket."""
        first = int(now_s - seconds) // STEP_S + 1
        return sum(sum(bucket.sent.values()) for place, bucket in self._buckets.items() if place >= first)

    def layers(self) -> set[str]:
        """Layers with a hop in the span."""
        return {layer for bucket in self._buckets.values() for layer in bucket.sent}

    def volume(self, layer: str, now_s: float, known_from: float) -> Points:
        """Hops a minute of one layer; ``None`` before ``known_from``."""
        per_minute = 60 / STEP_S
        return self._points(now_s, known_from, lambda bucket: bucket.sent.get(layer, 0) * per_minute)

    def cost_per_hour(self, now_s: float, known_from: float) -> Points:
        """EUR an hour."""
        return self._points(now_s, known_from, lambda bucket: bucket.cost / 1e9 * 3600 / STEP_S)

    def fails(self, now_s: float, known_from: float) -> Points:
        """Critic fails."""
        return self._points(now_s, known_from, lambda bucket: float(bucket.fails))

    def p95_ms(self, now_s: float) -> Points:
        """95th percentile of latency; ``None`` where nothing was answered."""
        return tuple(_p95(bucket.latencies) if bucket else None for bucket in self._span(now_s))

    def _points(self, now_s: float, known_from: float, read: _Read) -> Points:
        first = int(now_s) // STEP_S - SPAN_S // STEP_S
        return tuple(
            None if (first + at + 1) * STEP_S <= known_from else read(bucket or _NOTHING)
            for at, bucket in enumerate(self._span(now_s))
        )

    def _span(self, now_s: float) -> Iterator[_Bucket | None]:
        """The whole buckets of the span; the one that is being filled would look like a dip."""
        last = int(now_s) // STEP_S
        return (self._buckets.get(place) for place in range(last - SPAN_S // STEP_S, last))


def _second(event: LedgerEvent) -> int:
    return int(time_of(event).timestamp())


def _was_sent(body: Mapping[str, Any]) -> bool:
    """Whether a hop that failed had left, by the rule of the ledger's figures."""
    if body.get("cost_basis") == "worst_case":
        return True
    attempts = body.get("attempts")
    ended = attempts if isinstance(attempts, list) else []
    return any(not isinstance(one, Mapping) or one.get("reason") != "connect_error" for one in ended)


def _p95(latencies: list[float]) -> float | None:
    if not latencies:
        return None
    ordered = sorted(latencies)
    return ordered[int(0.95 * (len(ordered) - 1))]
