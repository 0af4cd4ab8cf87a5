"""What stood in the workspace at a moment, as values: who made it hold, which limits and breakers bound."""

from dataclasses import dataclass
from typing import Any

from peak_console.domain.clock import from_iso
from peak_console.domain.money import text_from_nano
from peak_console.operations.views.bar import BudgetLine
from peak_console.operations.views.breakers import BreakerLine


@dataclass(frozen=True, slots=True)
class Cause:
    """An event that made something hold: who, when, why."""

    seq: int
    event_id: str
    kind: str
    at: str
    actor: str
    operator: str
    reason: str

    def as_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @property
    def who(self) -> str:
        """The operator it names, else whose event it is."""
        return self.operator or self.actor


@dataclass(frozen=True, slots=True)
class BudgetThen:
    """A limit that bound a call and what counted against it before; ``about`` where that is not exact."""

    line: BudgetLine
    about: bool = False

    def as_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {**self.line.as_json(), "key": self.line.key, "layer": self.line.layer, "about": self.about}


@dataclass(frozen=True, slots=True)
class Then:
    """What stood before an event at ``seq``."""

    seq: int
    at: str
    posture: str
    posture_by: Cause | None
    phase: str
    phase_by: Cause | None
    node: Cause | None
    session: str
    version: str
    matrix_digest: str
    matrix_by: Cause | None
    operators: tuple[str, ...] = ()
    budgets: tuple[BudgetThen, ...] = ()
    breakers: tuple[BreakerLine, ...] = ()
    run_by: Cause | None = None
    run_purpose: str = ""
    problem: str = ""
    """Why the budgets of then cannot be told."""
    pruned: bool = False

    def as_json(self) -> dict[str, Any]:
        """As documents show it."""
        at = from_iso(self.at)
        return {
            "seq": self.seq,
            "at": self.at,
            "posture": {"state": self.posture, "by": _json(self.posture_by)},
            "phase": {"name": self.phase, "by": _json(self.phase_by)},
            "node": {"session": self.session, "version": self.version, "started": _json(self.node)},
            "matrix": {"digest": self.matrix_digest, "by": _json(self.matrix_by)},
            "operators": list(self.operators),
            "budgets": [one.as_json() for one in self.budgets],
            "budgets_problem": self.problem or None,
            "breakers": [one.as_json(at) for one in self.breakers],
            "run": {"begun": _json(self.run_by), "purpose": self.run_purpose},
            "pruned": self.pruned,
        }


def tightest(then: Then) -> BudgetThen | None:
    """The limit in EUR of which least was left."""
    euros = [one for one in then.budgets if one.line.unit == "eur"]
    return min(euros, key=lambda one: one.line.limit - one.line.spent - one.line.reserved, default=None)


def budget_words(one: BudgetThen) -> str:
    """A limit then, in words."""
    line = one.line
    name = " ".join(part for part in (line.scope.replace("_", " "), line.layer) if part)
    about = "about " if one.about else ""
    if line.unit == "eur":
        spent, held, most = (text_from_nano(part) for part in (line.spent, line.reserved, line.limit))
        return f"{name}: {about}€ {spent} spent, € {held} reserved, of € {most}"
    return f"{name}: {about}{line.spent:,} used, {line.reserved:,} reserved, of {line.limit:,} {line.unit}"


def _json(cause: Cause | None) -> dict[str, Any] | None:
    return None if cause is None else cause.as_json()
