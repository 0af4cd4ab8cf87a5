"""What monitors count of shadow: cycles, gate, runs of jobs, drift; a fold that goes on where it ended."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.jobs import RunState
from peak_console.domain.trading import GateReason, GateVerdict
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.shadow.cycles import OUTCOMES
from peak_console.operations.shadow.drift import DriftBook, drift_lines
from peak_console.operations.shadow.node_jobs import NodeJobs
from peak_console.operations.shadow.words import word
from peak_console.operations.views.body_fields import listed, mapping, time_of, whole
from peak_console.operations.views.shadow import DriftLine, DriftState

OTHER: Final = "other"
"""What a word counts as that nobody knows: the number of series never grows with what events say."""

_KINDS: Final = (
    EventKind.SHADOW_CYCLE_FINISHED,
    EventKind.GATE_DECIDED,
    EventKind.JOB_FINISHED,
    EventKind.JOB_INTERRUPTED,
    EventKind.JOB_MISSED,
)
_PAGE: Final = 1000
_JOBS_MOST: Final = 500


@dataclass(frozen=True, slots=True)
class ShadowCounts:
    """Since the ledger's genesis, but for drift, which is of now."""

    cycles: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By job and outcome."""
    decisions: Mapping[tuple[str], int] = field(default_factory=dict)
    """By verdict."""
    blocks: Mapping[tuple[str], int] = field(default_factory=dict)
    """By reason; a decision may have several."""
    runs: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By job and how they ended; missed ones too."""
    succeeded: Mapping[tuple[str], float] = field(default_factory=dict)
    """When a job last succeeded, in seconds since 1970."""
    evidence: Mapping[tuple[str, str, str], float] = field(default_factory=dict)
    """By provider, model and signal: the strongest over its slots, natural logarithm."""
    quarantined: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    """By provider and model, of all of which anything is known."""


class ShadowMeter:
    """Counts one ledger. Used by one thread."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._node = NodeJobs(ws, runs=1)
        self._drift = DriftBook()
        self._generation = 0
        self._at: tuple[int, str] = (0, "")
        self._counts = _Counts()

    def read(self, reader: LedgerReader, now: datetime) -> ShadowCounts:
        """The counts now. Raises ``LedgerUnavailable``."""
        self._go_on(reader)
        self._node.read(now)
        lines = drift_lines(
            self._ws, reader, self._node.drift, now, book=self._drift, generation=self._generation
        )
        return replace(self._counts.told(), evidence=evidence_of(lines), quarantined=quarantines(lines))

    def _go_on(self, reader: LedgerReader) -> None:
        """Count up to the head; what could not be counted to its end is counted anew the next time."""
        head = reader.head()
        after, counts = self._at[0], self._counts
        if after and not _holds(reader, *self._at):
            self._generation += 1
            after, counts = 0, _Counts()
        self._at, self._counts = (0, ""), _Counts()
        for kind in _KINDS:
            for event in _events(reader, kind, after, head[0]):
                counts.take(event)
        self._at, self._counts = head, counts


class _Counts:
    """The counters themselves."""

    def __init__(self) -> None:
        self._cycles: Counter[tuple[str, str]] = Counter()
        self._decisions: Counter[tuple[str]] = Counter()
        self._blocks: Counter[tuple[str]] = Counter()
        self._runs: Counter[tuple[str, str]] = Counter()
        self._succeeded: dict[tuple[str], float] = {}
        self._jobs: set[str] = set()

    def told(self) -> ShadowCounts:
        return ShadowCounts(
            dict(self._cycles),
            dict(self._decisions),
            dict(self._blocks),
            dict(self._runs),
            dict(self._succeeded),
        )

    def take(self, event: LedgerEvent) -> None:
        body = mapping(event.body)
        if event.kind == EventKind.GATE_DECIDED:
            self._decided(body)
            return
        job = self._job(word(body.get("job"), 48))
        if event.kind == EventKind.SHADOW_CYCLE_FINISHED:
            self._cycles[job, _known(body.get("outcome"), OUTCOMES)] += 1
        elif event.kind == EventKind.JOB_MISSED:
            self._runs[job, RunState.MISSED.value] += max(1, whole(body.get("count")) or 0)
        elif event.kind == EventKind.JOB_INTERRUPTED:
            self._runs[job, RunState.INTERRUPTED.value] += 1
        else:
            self._ended(job, _known(body.get("state"), RunState), event)

    def _decided(self, body: Mapping[str, Any]) -> None:
        verdict = body.get("verdict")
        self._decisions[_known(verdict, GateVerdict),] += 1
        if verdict == GateVerdict.BLOCK:
            for reason in listed(body.get("reasons"))[: len(GateReason)]:
                self._blocks[_known(reason, GateReason),] += 1

    def _ended(self, job: str, state: str, event: LedgerEvent) -> None:
        self._runs[job, state] += 1
        if state == RunState.DONE:
            at = time_of(event).timestamp()
            self._succeeded[job,] = max(at, self._succeeded.get((job,), 0.0))

    def _job(self, name: str) -> str:
        """A job's name; of more jobs than a config can have, one for all."""
        if not name or (name not in self._jobs and len(self._jobs) >= _JOBS_MOST):
            return OTHER
        self._jobs.add(name)
        return name


def evidence_of(lines: Sequence[DriftLine]) -> dict[tuple[str, str, str], float]:
    """The strongest evidence of each signal of a model, over its slots."""
    found: dict[tuple[str, str, str], float] = {}
    for line in lines:
        for stream in line.streams:
            key = (word(line.provider, 120), word(line.model_id, 120), word(stream.name, 40))
            found[key] = max(stream.evidence, found.get(key, 0.0))
    return found


def quarantines(lines: Sequence[DriftLine]) -> dict[tuple[str, str], bool]:
    """Whether each model is out of use."""
    found: dict[tuple[str, str], bool] = {}
    for line in lines:
        key = (word(line.provider, 120), word(line.model_id, 120))
        found[key] = found.get(key, False) or line.state is DriftState.QUARANTINED
    return found


def _known(value: object, words: Sequence[str] | type[GateVerdict | GateReason | RunState]) -> str:
    return next((str(one) for one in words if one == value), OTHER)


def _events(reader: LedgerReader, kind: EventKind, after: int, head: int) -> Iterator[LedgerEvent]:
    """Events of a kind after a place, the newest first."""
    wanted = EventFilter(kinds=(kind.value,))
    before: int | None = head + 1
    while before is not None and before > after + 1:
        page = reader.find(wanted, before, _PAGE)
        yield from (event for event in page.events if event.seq > after)
        before = page.next_before


def _holds(reader: LedgerReader, seq: int, hashed: str) -> bool:
    found = reader.read(seq - 1, 1, bodies=False)
    return bool(found) and found[0].hash == hashed
