"""How often a candidate is tried, and what became of one hop so far."""

from dataclasses import dataclass, field

from peak_console.domain.calls import Attempt, CallReason, Pending
from peak_console.llm.streamed import Streaming
from peak_console.llm.striking import Secrets


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How often and how long apart one candidate is tried. A wait the provider names is never shortened."""

    attempts: int = 3
    first_wait_s: float = 0.5
    longest_wait_s: float = 8.0
    longest_told_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Unattended:
    """A background call that its provider accepted: how it is asked after, and the attempt it ends."""

    pending: Pending
    attempt: int = 1
    started_us: int = 0
    waited_ms: int = 0


@dataclass(frozen=True, slots=True)
class Resend:
    """What a send that got no answer leaves to the next hop, which sends the same to the same candidate."""

    attempts: int
    """Made at this candidate so far, over its hops."""
    wait_s: float
    """How long the next one waits."""
    deadline: float
    """The candidate's, on the event loop's clock."""


@dataclass(slots=True)
class Exchange:
    """What became of one hop so far; readable at any moment, also after it was cancelled."""

    attempts: list[Attempt] = field(default_factory=list)
    unanswered: bool = False
    """Whether a request left that got no whole answer with a bill: no provider tells the price of that."""
    underway: bool = False
    location: str | None = None
    """A redirect's target, recorded and never followed."""
    unattended: Unattended | None = None
    """Set once a provider accepted background work."""
    streaming: Streaming | None = None
    """To whom the answer is handed on as it comes; ``None`` where it is taken whole."""
    before: Resend | None = None
    """What the hop before left, where this one sends the same once more."""
    resend: Resend | None = None
    """Set where a request left, got no answer, and may be sent once more, with its own reservation."""
    probe: bool = False
    """Whether it tries a model whose breaker was open: one request, whatever becomes of it."""
    secrets: Secrets = field(default_factory=Secrets)
    """What must not be kept of what its provider says."""

    @property
    def reached(self) -> bool:
        """Whether any attempt reached a provider; one that ended in ``connect_error`` left nowhere."""
        return self.unattended is not None or any(
            one.reason != CallReason.CONNECT_ERROR for one in self.attempts
        )

    @property
    def may_be_billed(self) -> bool:
        """Whether something left whose price nobody told."""
        return self.unanswered or self.underway
