"""What stands lowered alone, and what lifts each of it: an enable, or a reset of its breaker. Pure."""

from dataclasses import dataclass
from typing import Final

from peak_console.domain.posture import PostureReason
from peak_console.domain.stopping import REDUCE
from peak_console.domain.text import one_line
from peak_console.operations.views.bar import BarSnapshot

STOPPING: Final = frozenset({"burn", "critic"})
"""Kinds of breakers that stop the calls of their scope while they are latched."""


@dataclass(frozen=True, slots=True)
class Lowered:
    """A stopped scope, or ``reduce``; ``breaker`` is the kind of the latched one that holds it."""

    scope: str
    breaker: str = ""

    @property
    def what(self) -> str:
        """What it is, in a few words."""
        if self.breaker:
            return f"held by the {self.breaker} breaker: a reset of it lifts it"
        return "only orders that lower a position pass" if self.scope == REDUCE else "stopped"

    @property
    def cli(self) -> str:
        """The command that lifts it."""
        scope = one_line(self.scope, 80)
        if self.breaker:
            return f'peak breaker reset {self.breaker} {scope} --reason "…"'
        return f'peak enable --scope {scope} --reason "…" --confirm ENABLE'


def lowered_of(bar: BarSnapshot) -> tuple[Lowered, ...]:
    """What can be lifted alone, as the bar knows it; ``reduce`` first."""
    held = {one.scope: one.kind for one in bar.breakers or () if one.latched and one.kind in STOPPING}
    reduce = (Lowered(REDUCE),) if bar.reduce else ()
    return (*reduce, *(Lowered(one, held.get(one, "")) for one in bar.stopped_scopes))


def unnamed(bar: BarSnapshot) -> bool:
    """Whether more scopes are stopped than can be listed here: one is then typed."""
    return PostureReason.TOO_MANY_SCOPES.value in bar.posture.reasons
