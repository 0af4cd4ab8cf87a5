"""The notary's side of anchors: which holds what, when one is due, and what is wrong with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from peak_console.domain.clock import Clock
from peak_console.ledger.heads.anchor_heads import Anchor, AnchorFailed
from peak_console.ledger.heads.notary_heads import Held
from peak_console.ledger.heads.notary_rules import anchor_due
from peak_console.ledger.heads.notes import Checkpoint, NoteKey, SignedNote

RETRY_US: Final = 10_000_000
"""How long an anchor that did not take a note is let be."""

REOPEN_US: Final = 60_000_000
"""How old the list of anchors may be: the configuration may have changed."""

_NEVER: Final = -(10**15)


@dataclass(slots=True)
class _State:
    """One anchor, and what is known of it."""

    anchor: Anchor
    size: int = 0
    """The size of the head it holds of this log."""
    kept_us: int = _NEVER
    retry_us: int = _NEVER
    code: str = ""
    problem: str = ""
    remedy: str = ""


class AnchorKeeper:
    """Keeps signed heads in anchors. A failing one is told and tried again; it stops nothing."""

    def __init__(self, every_s: int, clock: Clock) -> None:
        self._every_s = every_s
        self._clock = clock
        self._states: dict[tuple[str, str], _State] = {}
        self._held: list[Held] = []
        self._key: NoteKey | None = None
        self._opened_us = _NEVER

    def open(self, anchors: Sequence[Anchor], key: NoteKey) -> None:
        """Look at what the anchors hold."""
        before, self._states, self._held = self._states, {}, []
        self._key, self._opened_us = key, self._clock.boot_us()
        for anchor in anchors:
            newest = anchor.newest()
            state = _State(anchor, problem=newest.problem)
            known = before.get((anchor.kind, anchor.place))
            if known is not None:
                state.kept_us, state.retry_us = known.kept_us, known.retry_us
            if newest.note is not None and newest.checkpoint is not None and not newest.problem:
                where = f"the {anchor.kind} anchor {anchor.place}"
                if anchor.kind == "folder":
                    where += " (a copy of this workspace, with the same key, may have signed there)"
                self._held.append((where, newest.note, newest.checkpoint))
                if newest.checkpoint.origin == key.name:
                    state.size = newest.checkpoint.size
            self._states[anchor.kind, anchor.place] = state

    def refresh(self, anchors: Callable[[bytes], Sequence[Anchor]]) -> None:
        """Open them anew where the list is old."""
        if self._key is not None and self._clock.boot_us() - self._opened_us >= REOPEN_US:
            self.open(anchors(self._key.public), self._key)

    def heads(self) -> Sequence[Held]:
        """The heads that anchors held when they were opened."""
        return self._held

    def keep(self, note: SignedNote, checkpoint: Checkpoint, why: str) -> bool:
        """Keep a head wherever it is due; true when an anchor holds a later head than this, or another."""
        ahead = False
        for state in self._states.values():
            ahead |= self._keep_in(state, note, checkpoint, why)
        return ahead

    def _keep_in(self, state: _State, note: SignedNote, checkpoint: Checkpoint, why: str) -> bool:
        now_us = self._clock.boot_us()
        since_s = (now_us - state.kept_us) / 1_000_000
        waits = state.retry_us > now_us and why != "end"
        if (
            state.size >= checkpoint.size
            or waits
            or not anchor_due(state.anchor.kind, why, since_s, self._every_s)
        ):
            return False
        try:
            state.anchor.keep(note, self._clock.now())
        except AnchorFailed as error:
            state.code, state.problem, state.remedy = error.code, error.message, error.remedy
            state.retry_us = now_us + RETRY_US
            return error.code == "anchor_ahead"
        state.size, state.kept_us, state.retry_us = checkpoint.size, now_us, _NEVER
        state.code = state.problem = state.remedy = ""
        return False

    def holding(self) -> list[dict[str, Any]]:
        """Which anchors hold how many events, for the ledger's record."""
        return [
            {"kind": state.anchor.kind, "place": state.anchor.place, "size": state.size}
            for state in self._states.values()
            if state.size
        ]

    def status(self) -> list[dict[str, Any]]:
        """Every anchor, what it holds, and what is wrong with it."""
        return [
            {
                "kind": state.anchor.kind,
                "place": state.anchor.place,
                "size": state.size,
                "problem": state.problem,
                "remedy": state.remedy,
            }
            for state in self._states.values()
        ]
