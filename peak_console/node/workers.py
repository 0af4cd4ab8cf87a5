"""Workers: who makes calls here, who has acknowledged which stop, and who has not."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from peak_console.domain.clock import Clock

ROUNDS_KEPT: Final = 8
NOT_ACKNOWLEDGED: Final = "not_acknowledged"
LOST: Final = "lost"
_LOST_KEPT_US: Final = 600_000_000
"""How long a worker that went away with calls in flight is told of, unless it comes back."""

Notice = dict[str, Any]


class Line(Protocol):
    """A worker's connection."""

    client_id: str
    name: str
    actor: str
    pid: int
    worker: bool

    def push(self, notice: Notice) -> bool:
        """Say something that was not asked for."""
        ...


@dataclass(slots=True)
class Worker:
    """A process that makes calls; ``line`` is ``None`` while it is not connected."""

    client_id: str
    name: str
    pid: int
    actor: str
    line: Line | None = None
    lost_us: int | None = None
    """Since when it is away with calls in flight, on the boot clock."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """That a worker has seen a stop: after how long, and how many calls it cancelled for it."""

    ms: int
    cancelled: int


@dataclass(slots=True)
class Round:
    """One stop, and whoever must acknowledge it."""

    stop_id: str
    scope: str
    begun_us: int
    expected: dict[str, Worker]
    answers: dict[str, Acknowledged] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    """Workers that ended in good order meanwhile: nobody waits for them."""
    told_missing: int | None = None
    """How many were missing when it was recorded last; ``None`` before that."""
    lifted: bool = False
    """Whether an operator has lifted the stop: nobody needs to acknowledge it any longer."""

    @property
    def missing(self) -> list[Worker]:
        """Who has not acknowledged."""
        return [one for key, one in self.expected.items() if key not in self.answers and key not in self.gone]

    def body(self) -> dict[str, Any]:
        """The round as ``control.acknowledged`` records it."""
        told = [
            {**_named(one), "cancelled": self.answers[key].cancelled, "ms": self.answers[key].ms}
            for key, one in self.expected.items()
            if key in self.answers
        ]
        missing = [_named(one) for one in self.missing]
        return {"stop_id": self.stop_id, "scope": self.scope, "workers": told, "missing": missing}


@dataclass(frozen=True, slots=True)
class MissingWorker:
    """A worker nobody hears of: it did not acknowledge ``stop_id``, or went away with calls in flight."""

    client_id: str
    name: str
    pid: int
    actor: str
    why: str
    """:data:`NOT_ACKNOWLEDGED` or :data:`LOST`."""
    stop_id: str = ""
    since_us: int = 0
    """On the boot clock."""


class Workers:
    """Read and changed on the node's loop only.

    ``open_calls`` gives the clients with calls in flight, ``record`` takes the body of a round that ended:
    once all have acknowledged, or ``ack_s()`` seconds after its beginning, and once more when those that
    were missing are not any longer.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        open_calls: Callable[[], Iterable[str]],
        record: Callable[[dict[str, Any]], object],
        ack_s: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._open_calls = open_calls
        self._record = record
        self._ack_s = ack_s
        self._workers: dict[str, Worker] = {}
        self._rounds: deque[Round] = deque(maxlen=ROUNDS_KEPT)

    # -- who is there

    def joined(self, line: Line) -> None:
        """A client has said hello; a worker that owes an acknowledgement is told of it again."""
        if not line.worker:
            return
        known = self._workers.setdefault(
            line.client_id, Worker(line.client_id, line.name, line.pid, line.actor)
        )
        known.line, known.lost_us = line, None
        for one in self._rounds:
            one.gone.discard(line.client_id)
            if line.client_id in one.expected and line.client_id not in one.answers and not one.lifted:
                line.push(_notice(one))

    def left(self, line: Line) -> None:
        """A connection ended: in good order, or with calls in flight."""
        known = self._workers.get(line.client_id)
        if known is None or known.line is not line:
            return
        known.line = None
        if line.client_id in set(self._open_calls()):
            known.lost_us = self._clock.boot_us()
            return
        del self._workers[line.client_id]
        for one in self._rounds:
            one.gone.add(line.client_id)
        self.tick()

    # -- stops

    def announce(self, stop_id: str, scope: str) -> None:
        """A stop holds and can be read: tell every worker, and wait for their acknowledgements."""
        if any(one.stop_id == stop_id for one in self._rounds):
            return
        begun = Round(stop_id, scope, self._clock.boot_us(), dict(self._workers))
        self._rounds.append(begun)
        for worker in begun.expected.values():
            if worker.line is not None:
                worker.line.push(_notice(begun))

    def lifted(self, scope: str) -> None:
        """The stops of ``scope`` hold no longer."""
        for one in self._rounds:
            one.lifted = one.lifted or one.scope == scope

    def acknowledge(self, client_id: str, stop_id: str, cancelled: int) -> bool:
        """A worker has seen a stop; whether it was asked. Said again, what it cancelled is added."""
        one = next((one for one in self._rounds if one.stop_id == stop_id), None)
        if one is None or client_id not in one.expected:
            return False
        before = one.answers.get(client_id)
        ms = before.ms if before else (self._clock.boot_us() - one.begun_us) // 1000
        one.answers[client_id] = Acknowledged(ms, cancelled + (before.cancelled if before else 0))
        self.tick()
        return True

    def tick(self) -> None:
        """Record the rounds that are over, and forget who is long gone."""
        now = self._clock.boot_us()
        self._workers = {
            key: one
            for key, one in self._workers.items()
            if one.lost_us is None or now - one.lost_us < _LOST_KEPT_US
        }
        for one in self._rounds:
            missing = len(one.missing)
            over = not missing or now - one.begun_us >= self._ack_s() * 1_000_000
            changed = one.told_missing is None or (one.told_missing > 0 and not missing)
            if over and changed and one.expected:
                one.told_missing = missing
                self._record(one.body())

    # -- what is told

    def missing(self) -> tuple[MissingWorker, ...]:
        """Who should have been heard of by now."""
        now, patience_us = self._clock.boot_us(), round(self._ack_s() * 1_000_000)
        found = {
            worker.client_id: _missing(worker, NOT_ACKNOWLEDGED, one.begun_us, one.stop_id)
            for one in self._rounds
            if now - one.begun_us >= patience_us and not one.lifted
            for worker in one.missing
        }
        for worker in self._workers.values():
            lost = worker.lost_us
            if lost is not None and now - lost >= patience_us:
                found.setdefault(worker.client_id, _missing(worker, LOST, lost, ""))
        return tuple(found.values())

    def report(self, stop_id: str = "") -> dict[str, Any]:
        """The workers as they stand to ``stop_id``, else to the last stop; JSON types."""
        wanted = [one for one in self._rounds if one.stop_id == stop_id or not stop_id]
        held = wanted[-1] if wanted else None
        known = {**self._workers, **(held.expected if held else {})}
        owing = {one.client_id for one in held.missing} if held else set()
        return {
            "stop": None if held is None else {"stop_id": held.stop_id, "scope": held.scope},
            "over": held is None or not held.missing or self._late(held),
            "workers": [
                {
                    **_named(one),
                    "connected": one.line is not None,
                    "acknowledged_ms": answer.ms if answer else None,
                    "cancelled": answer.cancelled if answer else 0,
                    "missing": key in owing or one.lost_us is not None,
                }
                for key, one in sorted(known.items(), key=lambda item: (item[1].name, item[1].pid))
                for answer in [held.answers.get(key) if held else None]
                if not (held and key in held.gone and not answer)
            ],
        }

    def _late(self, one: Round) -> bool:
        return self._clock.boot_us() - one.begun_us >= self._ack_s() * 1_000_000


def _notice(one: Round) -> Notice:
    return {"notice": "control", "stop_id": one.stop_id, "scope": one.scope}


def _named(worker: Worker) -> dict[str, Any]:
    return {"name": worker.name, "pid": worker.pid, "actor": worker.actor}


def _missing(worker: Worker, why: str, since_us: int, stop_id: str) -> MissingWorker:
    return MissingWorker(worker.client_id, worker.name, worker.pid, worker.actor, why, stop_id, since_us)
