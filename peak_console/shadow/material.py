"""What one cycle has come to so far: what it saw, what was answered, judged, made of it and decided."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from peak_console.critic.parse import CriticReport
from peak_console.critic.service import Review
from peak_console.domain.calls import CallResult
from peak_console.domain.errors import PeakError
from peak_console.domain.orchestration import Event, Step
from peak_console.domain.outlook import Hypothesis, Outlook
from peak_console.domain.trading import GateDecision, OrderIntent
from peak_console.domain.verdict import Verdict
from peak_console.domain.vocabulary import Layer
from peak_console.risk.book import Fill
from peak_console.shadow.book import Book
from peak_console.shadow.exits import Exit
from peak_console.shadow.scoring import Scored
from peak_console.shadow.snapshot import Snapshot


@dataclass(slots=True)
class Material:
    """Filled stage by stage; what is missing at the end was not reached."""

    run_id: str
    book: Book
    """As it stands now."""
    book_before: str
    """The digest of what it was when the cycle began; empty for a new one."""
    events: list[Event] = field(default_factory=list)
    snapshot: Snapshot | None = None
    outlook: CallResult | None = None
    hypothesis: CallResult | None = None
    reviews: dict[Layer, Review] = field(default_factory=dict)
    answers: dict[str, CallResult] = field(default_factory=dict)
    """Every answer of the run, the judges' too, by call."""
    lost_eur: Decimal = Decimal(0)
    """What calls cost that came to nothing."""
    sod_detail: str = ""
    """Why duties are not separate; empty where they are."""
    intent: OrderIntent | None = None
    no_intent: str = ""
    document: dict[str, Any] | None = None
    decision: GateDecision | None = None
    details: tuple[str, ...] = ()
    """Of what the gate blocks: the figures behind reasons that need them, in words."""
    decided_as: str = ""
    """The id of the event of the decision."""
    fill: Fill | None = None
    exits: list[Exit] = field(default_factory=list)
    scored: list[Scored] = field(default_factory=list)
    steps: list[tuple[str, int]] = field(default_factory=list)
    """Each stage that was done, and its milliseconds."""
    problem: PeakError | None = None
    """What ended it, in words."""
    notes: list[str] = field(default_factory=list)
    """What a reader should know: history began again, the book was lost."""

    @property
    def said(self) -> Outlook | None:
        """The outlook, where it has the shape asked for."""
        parsed = self.outlook.parsed if self.outlook else None
        return parsed if isinstance(parsed, Outlook) else None

    @property
    def idea(self) -> Hypothesis | None:
        """The hypothesis, where it has the shape asked for."""
        parsed = self.hypothesis.parsed if self.hypothesis else None
        return parsed if isinstance(parsed, Hypothesis) else None

    @property
    def reports(self) -> list[tuple[Layer, CriticReport]]:
        """Every report, with the layer whose answer it is on."""
        return [(layer, one) for layer in sorted(self.reviews) for one in self.reviews[layer].reports]

    @property
    def verdict(self) -> Verdict | None:
        """The strictest verdict on anything; ``None`` where nobody judged."""
        said = [one.verdict for _, one in self.reports]
        return max(said, key=lambda verdict: verdict.rank, default=None)

    @property
    def degraded(self) -> bool:
        """Whether a stand-in judged."""
        return any(one.degraded for _, one in self.reports)

    @property
    def cost_eur(self) -> Decimal:
        """What its calls cost, as far as it was told."""
        return self.lost_eur + sum((Decimal(one.cost_eur) for one in self.answers.values()), Decimal(0))


@dataclass(frozen=True, slots=True)
class Ended:
    """How a cycle ended: the last step."""

    outcome: str
    reasons: tuple[str, ...]

    @classmethod
    def by(cls, step: Step) -> "Ended":
        """The end that a step is."""
        return cls(step.outcome.value if step.outcome else "", step.reasons)
