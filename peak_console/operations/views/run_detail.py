"""One run's page and one event's page, as screens show them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from peak_console.operations.runs import RunLine
from peak_console.operations.views.call_detail import ChainPlace
from peak_console.operations.views.freshness import NEVER, Freshness
from peak_console.operations.views.timeline import TimelineLine


@dataclass(frozen=True, slots=True)
class ArtefactLine:
    """A file that a run says it wrote.

    ``state`` is ``ok``, ``changed``, ``missing`` (the run's folder is there without it), ``removed`` (the
    whole folder is gone, as where old runs are tidied away) or ``unchecked``.
    """

    path: str
    sha256: str
    size: int
    state: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class PackState:
    """A run's evidence, not verified: ``sealed`` or ``none``, its newest edition, its files and bytes."""

    state: str = "none"
    edition: int = 0
    files: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class RunDetail:
    """One run's page. ``missing`` says in words why there is nothing to show.

    ``more`` says that its events go on after those in ``events``; ``first_seq`` and ``last_seq`` name what is
    shown. Latencies are those of its answered and failed hops, in milliseconds.
    """

    run_id: str
    line: RunLine | None = None
    events: tuple[TimelineLine, ...] = ()
    more: bool = False
    first_seq: int = 0
    last_seq: int = 0
    p50_ms: float | None = None
    longest_ms: float | None = None
    artefacts: tuple[ArtefactLine, ...] = ()
    pack: PackState = PackState()
    freshness: Freshness = NEVER
    missing: str = ""


@dataclass(frozen=True, slots=True)
class EventDetail:
    """One event's page. ``missing`` says in words why there is nothing to show."""

    seq: int
    kind: str = ""
    at: datetime | None = None
    event: dict[str, Any] = field(default_factory=dict, repr=False)
    """The header, and the body as ``body`` unless that was pruned."""
    pruned: bool = False
    run_id: str = ""
    call_id: str = ""
    place: ChainPlace | None = None
    head_seq: int = 0
    why: str = ""
    line: TimelineLine | None = None
    freshness: Freshness = NEVER
    missing: str = ""
