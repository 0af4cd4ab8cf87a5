"""Runs read from the ledger: a page of lines, one run's story with its files, nothing scanned in full."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.clock import iso
from peak_console.domain.errors import PeakError, UsageWrong
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.ids import is_run_id
from peak_console.domain.money import text_from_nano
from peak_console.domain.text import one_line
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.ledger import existing
from peak_console.operations.runs import RunFold, RunLine
from peak_console.operations.views.body_fields import listed, mapping, text_of, time_of, whole
from peak_console.operations.views.timeline import line_of_event

LISTED: Final = 20
EVENTS_READ: Final = 20_000
"""Events of one run that are read; of a longer one its beginning is told."""
LOOKED_AT: Final = 2_000
"""Runs that one list looks at before it says that it goes no further."""
_FOLDED: Final = 2_000
"""Events of a run that a list folds."""
_DETAIL: Final = 240
"""Of a detail, which holds the sums of a refused budget at its end."""

_PAGE: Final = 1000
_LARGEST: Final = 256 * 1024**2


class NoSuchRun(PeakError):
    """The ledger of this workspace knows no such run."""

    default_code = "no_such_run"
    why = "runs are read from this workspace's ledger"


@dataclass(frozen=True, slots=True)
class RunsWanted:
    """Conditions of a list; all must hold. ``since`` and ``until`` are ledger times of the run's start."""

    layer: str | None = None
    outcome: str | None = None
    verdict: str | None = None
    phase: str | None = None
    since: str | None = None
    until: str | None = None

    def holds(self, line: RunLine) -> bool:
        """Whether a run is wanted."""
        told = ((self.outcome, line.outcome), (self.verdict, line.verdict), (self.phase, line.phase))
        layered = self.layer is None or self.layer in {*line.layers, line.layer}
        return layered and all(asked in {None, said} for asked, said in told)


@dataclass(frozen=True, slots=True)
class RunsListed:
    """Runs, the newest first; ``next_before`` is the run to go on behind, ``None`` at the end."""

    lines: tuple[RunLine, ...]
    next_before: str | None
    looked_at: int
    head: int

    def as_json(self) -> dict[str, Any]:
        """The document of ``peak runs list --json``."""
        return {
            "runs": [line_json(one) for one in self.lines],
            "next_before": self.next_before,
            "looked_at": self.looked_at,
            "seq": self.head,
        }


@dataclass(frozen=True, slots=True)
class Artefact:
    """A file that the run said it wrote; ``state`` is ``ok``, ``changed``, ``missing`` or ``unreadable``."""

    path: str
    sha256: str
    size: int | None
    state: str


@dataclass(frozen=True, slots=True)
class RunTold:
    """One run: its line, its events in order, its artefacts against their hashes, where its evidence is."""

    line: RunLine
    events: tuple[LedgerEvent, ...]
    artefacts: tuple[Artefact, ...]
    evidence: str
    texts: bool
    """Whether prompt and answer texts are kept still."""
    cut: bool = False

    def as_json(self) -> dict[str, Any]:
        """The document of ``peak runs show --json``."""
        return {
            **line_json(self.line),
            "timeline": [step_json(event) for event in self.events],
            "artefacts_checked": [
                {"path": one.path, "sha256": one.sha256, "bytes": one.size, "state": one.state}
                for one in self.artefacts
            ],
            "evidence": self.evidence or None,
            "texts_kept": self.texts,
            "cut": self.cut,
        }


def list_runs(
    ws: Workspace, *, limit: int = LISTED, before: str | None = None, wanted: RunsWanted | None = None
) -> RunsListed:
    """The newest runs behind ``before`` that fit; raises ``UsageWrong``, ``NoSuchRun`` and such."""
    wanted = wanted or RunsWanted()
    lines: list[RunLine] = []
    looked = 0
    with LedgerReader(existing(ws).ledger) as reader:
        head, _ = reader.head()
        below = None if before is None else _place_of(reader, before)
        last = ""
        for started in _started(reader, wanted, below):
            if len(lines) >= limit or looked >= LOOKED_AT:
                return RunsListed(tuple(lines), last, looked, head)
            looked, last = looked + 1, started.run_id or ""
            line = _line(reader, last)
            if wanted.holds(line):
                lines.append(line)
    return RunsListed(tuple(lines), None, looked, head)


def show_run(ws: Workspace, run_id: str) -> RunTold:
    """One run; raises ``UsageWrong`` for what is no run id, ``NoSuchRun``, ``LedgerUnavailable``."""
    with LedgerReader(existing(ws).ledger) as reader:
        events, cut = events_of(reader, run_id)
    fold = RunFold(run_id)
    for event in events:
        fold.take(event)
    folder = ws.audits / run_id / "evidence"
    evidence = fold.line.evidence or (f"audits/{run_id}/evidence" if folder.is_dir() else "")
    artefacts = tuple(_artefacts(ws.runs / run_id, events))
    texts = (ws.runs / run_id / "texts.jsonl").is_file()
    return RunTold(fold.line, tuple(events), artefacts, evidence, texts, cut)


def events_of(reader: LedgerReader, run_id: str) -> tuple[list[LedgerEvent], bool]:
    """A run's events, ascending, and whether there are more; raises ``UsageWrong``, ``NoSuchRun``."""
    if not is_run_id(run_id):
        raise UsageWrong(
            f"{one_line(run_id, 80)!r} is no run id", remedy="take one of: peak runs list", name=run_id[:80]
        )
    events: list[LedgerEvent] = []
    while page := reader.by_run(run_id, events[-1].seq if events else 0, _PAGE):
        events += page
        if len(events) > EVENTS_READ:
            return events[:EVENTS_READ], True
    if not events:
        raise NoSuchRun(f"there is no run {run_id} on this ledger", remedy="list them: peak runs list")
    return events, False


def line_json(line: RunLine) -> dict[str, Any]:
    """A run's line as JSON; money as text in EUR."""
    return {
        "run_id": line.run_id,
        "seq": line.seq,
        "last_seq": line.last_seq,
        "started": iso(line.started),
        "finished": None if line.finished is None else iso(line.finished),
        "last_event": iso(line.last),
        "phase": line.phase or None,
        "layer": line.layer or None,
        "layers": list(line.layers),
        "purpose": line.purpose,
        "actor": line.actor,
        "outcome": line.outcome,
        "calls": line.calls,
        "hops": line.hops,
        "in_flight": line.in_flight,
        "failed": line.failed,
        "refused": line.refused,
        "fallbacks": line.fallbacks,
        "verdict": line.verdict or None,
        "gate": line.gate or None,
        "orders": line.orders,
        "cost_eur": text_from_nano(line.cost),
        "at_bound_eur": text_from_nano(line.at_bound),
        "tokens_in": line.tokens_in,
        "tokens_out": line.tokens_out,
        "artefacts": line.artefacts,
        "simulated": line.simulated,
        "evidence": line.evidence or None,
        "pruned": line.pruned,
    }


def step_json(event: LedgerEvent) -> dict[str, Any]:
    """A step of a run's timeline."""
    body = event.body or {}
    return {
        "seq": event.seq,
        "event_id": event.event_id,
        "ts": event.ts,
        "kind": event.kind,
        "actor": event.actor,
        "call_id": event.call_id,
        "layer": event.layer,
        "role": event.role,
        "provider": event.provider,
        "model_id": event.model_id,
        "told": step_words(event),
        "cost_eur": text_of(body.get("cost_eur")),
        "pruned": event.body is None,
    }


def step_words(event: LedgerEvent) -> str:
    """What a step says beside its kind and its model, in one line."""
    body = event.body
    if body is None:
        return "its details were pruned; its hash stands"
    if event.kind in {EventKind.GATE_DECIDED, EventKind.SHADOW_CYCLE_FINISHED}:
        line = line_of_event(event, time_of(event))
        return " · ".join(part for part in (line.title.partition(" ")[2], line.words) if part)
    names = ("outcome", "reason", "verdict", "rule", "purpose", "detail")
    told = [
        one_line(str(body[name]), _DETAIL if name == "detail" else 80)
        for name in names
        if isinstance(body.get(name), str) and body[name]
    ]
    return " · ".join(dict.fromkeys(told))


# -- within


def _started(reader: LedgerReader, wanted: RunsWanted, below: int | None) -> Iterator[LedgerEvent]:
    """The events that began runs, the newest first; a run that was begun again counts at its first."""
    asked = EventFilter(kinds=(EventKind.RUN_STARTED.value,), since=wanted.since, until=wanted.until)
    seen: set[str] = set()
    while True:
        page = reader.find(asked, below, 100)
        for event in page.events:
            if event.run_id and event.run_id not in seen:
                seen.add(event.run_id)
                yield event
        if page.next_before is None:
            return
        below = page.next_before


def _line(reader: LedgerReader, run_id: str) -> RunLine:
    fold = RunFold(run_id)
    events = reader.by_run(run_id, 0, _FOLDED)
    for event in events:
        fold.take(event)
    if len(events) < _FOLDED:
        return fold.line
    while more := reader.by_run(run_id, fold.line.last_seq, _FOLDED):
        for event in more:
            fold.take(event)
        if fold.line.hops > EVENTS_READ:
            return replace(fold.line, purpose=f"{fold.line.purpose} (its beginning)")
    return fold.line


def _place_of(reader: LedgerReader, run_id: str) -> int:
    if not is_run_id(run_id):
        raise UsageWrong(f"{one_line(run_id, 80)!r} is no run id", remedy="take one of: peak runs list")
    first = reader.by_run(run_id, 0, _PAGE)
    begun = next((one for one in first if one.kind == EventKind.RUN_STARTED), None)
    if begun is None:
        raise NoSuchRun(f"no run {run_id} was begun on this ledger", remedy="list them: peak runs list")
    return begun.seq


def _artefacts(folder: Path, events: list[LedgerEvent]) -> Iterator[Artefact]:
    """What the run said it wrote, the last word on each path, against what lies there now."""
    told = [
        mapping(one)
        for event in events
        if event.kind == EventKind.RUN_FINISHED
        for one in listed((event.body or {}).get("artefacts"))
    ]
    for path, one in {str(one.get("path")): one for one in told}.items():
        sha256 = str(one.get("sha256"))
        yield Artefact(path, sha256, whole(one.get("bytes")), _state(folder, path, sha256))


def _state(folder: Path, path: str, sha256: str) -> str:
    """Whether a file still is what the ledger says; a path that leaves the run's folder is not followed."""
    parts = Path(path).parts
    if not parts or Path(path).is_absolute() or ".." in parts:
        return "unreadable"
    file = folder / path
    try:
        if not file.resolve().is_relative_to(folder.resolve()):
            return "unreadable"
        if not file.is_file():
            return "missing"
        if file.stat().st_size > _LARGEST:
            return "unreadable"
        return "ok" if sha256_hex(file.read_bytes()) == sha256 else "changed"
    except OSError:
        return "unreadable"
