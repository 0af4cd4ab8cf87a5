"""What a replay found: how many decisions of each kind were judged again, which differ, and what not."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from peak_console.domain.events import LedgerEvent
from peak_console.domain.text import one_line


class Decision(StrEnum):
    """The kinds of pure decisions that a run records."""

    ROUTING = "routing"
    """Each candidate of a route: admitted, or refused by which rule, at what price."""
    CHOICE = "choice"
    """Which candidate was asked, and which fallback was taken."""
    BOUND = "bound"
    COST = "cost"
    DENY = "deny"
    """The hard deny, the guards and the registry on names, addresses and served models."""
    REQUEST_HASH = "request_hash"
    BUDGET = "budget"
    CRITIC = "critic"
    """What a judge's answer says, and how it was capped."""
    SOD = "sod"
    GATE = "gate"
    """What the risk gate said of an order intent."""
    EXHAUSTION = "exhaustion"
    """What followed a failure."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A recorded decision that comes out otherwise now."""

    kind: Decision
    seq: int
    call_id: str
    what: str
    recorded: str
    replayed: str

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Skipped:
    """A decision that could not be judged again, and why."""

    kind: Decision
    seq: int
    why: str

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {"kind": self.kind.value, "seq": self.seq, "why": self.why}


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """A run replayed: judgements by kind, what differs, what was left out and why."""

    run_id: str
    events: int
    checked: Mapping[str, int] = field(default_factory=dict)
    differs: tuple[Difference, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    cut: bool = False
    """Whether the run has more events than were read."""

    @property
    def holds(self) -> bool:
        """Whether every decision that could be judged again came out as recorded."""
        return not self.differs

    def as_json(self) -> dict[str, Any]:
        """The document of ``peak runs replay --json``."""
        return {
            "run_id": self.run_id,
            "holds": self.holds,
            "events": self.events,
            "checked": dict(self.checked),
            "differs": [one.as_json() for one in self.differs],
            "skipped": [one.as_json() for one in self.skipped],
            "cut": self.cut,
        }


class Findings:
    """Collects what a replay finds."""

    def __init__(self) -> None:
        self.checked: Counter[str] = Counter()
        self.differs: list[Difference] = []
        self.skipped: list[Skipped] = []

    def same(self, kind: Decision, event: LedgerEvent, what: str, recorded: Any, replayed: Any) -> bool:
        """Judge one decision: whether what is recorded is what comes out now."""
        self.checked[kind.value] += 1
        if recorded == replayed:
            return True
        shown = one_line(str(recorded), 300), one_line(str(replayed), 300)
        self.differs.append(Difference(kind, event.seq, event.call_id or "", what, *shown))
        return False

    def skip(self, kind: Decision, event: LedgerEvent, why: str) -> None:
        """Leave one decision out."""
        self.skipped.append(Skipped(kind, event.seq, one_line(why, 200)))

    def take(self, other: "Findings") -> None:
        """Take in what others found."""
        self.checked.update(other.checked)
        self.differs += other.differs
        self.skipped += other.skipped
