"""The configs on the operator's desk: opened, checked while typed, kept as drafts. No widget here."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from peak_console.config.editing.targets import Target, targets_of
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import ControlRefused, LedgerUnavailable, PeakError
from peak_console.operations.views.matrix import Place
from peak_console.operations.views.matrix_facts import level_of
from peak_console.operations.views.matrix_places import places_of
from peak_console.operations.views.opened import OpenedFile, open_file, why_not_lines
from peak_console.operations.workbench.shapes import Checked, Draft, Editor
from peak_console.tui.editing import EditorState, OtherDraft
from peak_console.tui.feed import Target as Receiver
from peak_console.tui.latest import LatestWork

if TYPE_CHECKING:
    from peak_console.operations.workbench.checking import Checker
    from peak_console.operations.workbench.draft_editors import Parted
    from peak_console.operations.workbench.drafts import DraftStore

MATRIX: Final = "matrix"
CHECK_AFTER_S: Final = 0.06
"""Quiet after a keystroke before lint looks: with it a finding stands within 150 ms."""
KEEP_AFTER_S: Final = 0.3
"""Quiet after a keystroke before the draft is stored."""
READONLY: Final = "this console was opened with --readonly"
REPLAY: Final = "this is a replay of the past"


@dataclass(frozen=True, slots=True)
class CheckedText:
    """What came of a check: of which text, what lint says, and the slots of a matrix."""

    name: str
    text: str
    checked: Checked
    places: tuple[Place, ...] = ()
    broken: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """Every config that can be opened, and the drafts that are stored."""

    targets: tuple[Target, ...]
    drafts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Others:
    """The drafts of a config that are not this console's, as they stand now."""

    name: str
    drafts: tuple[OtherDraft, ...]


class Workdesk:
    """Reads, checks and keeps in threads of its own; results come as ``Worked`` messages.

    Their keys begin with ``list``, ``open``, ``check``, ``keep`` or ``others``; a blank and the config's name
    follow.
    """

    def __init__(
        self,
        receiver: Receiver,
        ws: Workspace,
        *,
        now: Callable[[], datetime],
        phase: Callable[[], str],
        readonly: bool = False,
        replay: bool = False,
    ) -> None:
        self._ws, self._now, self._phase = ws, now, phase
        self._readonly, self._replay = readonly, replay
        self._lint = LatestWork(receiver, "lint")
        self._drafts = LatestWork(receiver, "drafts")
        self._checker: Checker | None = None
        self._store: DraftStore | None = None
        self._editor: Editor | None = None
        self._opening = threading.Lock()
        self._offered = set[str]()
        """Configs whose waiting drafts were offered already."""

    @property
    def busy(self) -> bool:
        """Whether something is being read, checked or kept."""
        return self._lint.busy or self._drafts.busy

    def close(self) -> None:
        """Keep what is not kept yet, and end: what is kept is offered to the next console."""
        self._drafts.close()
        self._lint.close()
        if self._editor is not None:
            from peak_console.operations.workbench.draft_editors import end_editor  # noqa: PLC0415 - loads the socket

            end_editor(self._editor)

    def flush(self) -> None:
        """Keep what is not kept yet."""
        self._drafts.flush()

    # -- reading

    def list(self) -> None:
        """Find every config; the answer is a :class:`Listing`."""
        self._lint.submit("list", self._listed)

    def open(self, target: Target) -> None:
        """Read a config and its draft; the answer is an :class:`EditorState`."""
        self._lint.submit(f"open {target.name}", lambda: self._opened(target))

    def _listed(self) -> Listing:
        try:
            drafts = tuple(dict.fromkeys(one.target for one in self.store().all()))
        except PeakError:
            drafts = ()
        return Listing(targets_of(self._ws), drafts)

    def _opened(self, target: Target) -> EditorState:
        if self._replay:
            return self._past(target)
        found = open_file(self._ws, target)
        if found.locked:
            return _state(found)
        parted = self._parted(target, found.text)
        if self._readonly:
            state = _state(found)
            state.locked, state.others = READONLY, _others(parted)
            return state
        draft = parted.mine
        if target.name not in self._offered:
            self._offered.add(target.name)
            draft = draft or self._taken_up(parted)
        state = _state(replace(found, draft=draft))
        state.others = _others(self._parted(target, found.text), "" if draft is None else draft.id)
        return state

    def _parted(self, target: Target, text: str) -> "Parted":
        """The drafts of a config that say something else than its file."""
        parted = self.store().parted(target.name)
        mine = parted.mine if parted.mine is not None and parted.mine.text != text else None
        return replace(parted, mine=mine, offered=tuple(one for one in parted.offered if one.text != text))

    def _taken_up(self, parted: "Parted") -> Draft | None:
        """The newest draft that nobody has open, this console's own from now on; ``None`` without one.

        Where another console is quicker the next one is taken. One that cannot be kept anew is shown all
        the same, and stays where it is. Others that say the very same are forgotten.
        """
        for one in parted.offered:
            try:
                taken = self.store().take(one)
                for twin in parted.offered if taken is not None else ():
                    if twin is not one and (twin.text, twin.base) == (one.text, one.base):
                        self.store().forget(twin)
            except PeakError:
                return one
            if taken is not None:
                return taken
        return None

    # -- drafts of others

    def look_for_others(self, state: EditorState, forget: Draft | None = None) -> None:
        """Find the drafts of a config that other consoles keep; the answer is an :class:`Others`.

        ``forget`` is dropped before, unless it says something else by now.
        """
        target, text = state.target, state.base_text

        def job() -> Others:
            if forget is not None:
                self.store().forget(forget)
            return Others(target.name, _others(self._parted(target, text)))

        self._drafts.submit(f"others {target.name}", job)

    def _past(self, target: Target) -> EditorState:
        """The config as it stood at the replay's moment, where that is known."""
        from peak_console.operations.workbench import history  # noqa: PLC0415 - only in a replay

        try:
            version = history.at(self._ws, target, self._now())
            text = "" if version is None else history.version_text(self._ws, target, version.digest)
        except (ControlRefused, LedgerUnavailable) as error:
            return EditorState(target, "", None, "", locked=f"{REPLAY}; {error.message}")
        if version is None:
            why = "no version is on record for this moment"
            return EditorState(target, "", None, "", locked=f"{REPLAY}; {why}")
        state = EditorState(target, text, version.digest, text, disk=version.digest)
        state.locked = (
            f"in force at this moment: {version.digest[:12]}, since {version.since:%Y-%m-%d %H:%M}Z"
        )
        return state

    # -- checking

    def check(self, state: EditorState, after_s: float = CHECK_AFTER_S) -> None:
        """Lint the text as it stands now; the answer is a :class:`CheckedText`."""
        target, text = state.target, state.text
        self._lint.submit(f"check {target.name}", lambda: self._checked(target, text), after_s)

    def _checked(self, target: Target, text: str) -> CheckedText:
        checker, today = self._checker, self._now().date()
        level = level_of(self._phase())
        if checker is None:
            from peak_console.operations.workbench.checking import Checker  # noqa: PLC0415 - loads lint

            checker = self._checker = Checker(self._ws, phase=level, today=today)
        checker.phase, checker.today = level, today
        checked = checker.check(target, text)
        if target.name != MATRIX or not target.is_toml:
            return CheckedText(target.name, text, checked)
        return CheckedText(target.name, text, checked, *places_of(text, target.path))

    # -- keeping

    def keep(self, state: EditorState, after_s: float = KEEP_AFTER_S) -> None:
        """Store the draft, or forget the one that is stored where nothing differs any more."""
        if state.locked:
            return
        name, text, base, base_text = state.target.name, state.text, state.base, state.base_text
        origin = state.origin or "editor"
        target, dirty = state.target, state.dirty

        def job() -> Others:
            store = self.store()
            if dirty:
                store.put(name, text, base=base, base_text=base_text, origin=origin)
            elif store.mine(name) is not None:
                store.drop(name)
            return Others(name, _others(self._parted(target, base_text)))

        self._drafts.submit(f"keep {name}", job, after_s)

    def store(self) -> "DraftStore":
        """The drafts of this workspace, with this console as their editor."""
        with self._opening:
            if self._store is None:
                from peak_console.operations.workbench.draft_editors import begin_editor  # noqa: PLC0415 - as below
                from peak_console.operations.workbench.drafts import drafts_of  # noqa: PLC0415 - loads the socket

                self._editor = begin_editor()
                self._store = drafts_of(self._ws, editor=self._editor)
            return self._store


def _others(parted: "Parted", but: str = "") -> tuple[OtherDraft, ...]:
    return tuple(OtherDraft(one, living=one in parted.elsewhere) for one in parted.others if one.id != but)


def _state(found: OpenedFile) -> EditorState:
    draft = found.draft
    if draft is None:
        return EditorState(
            found.target, found.text, found.base, found.text, disk=found.base, locked=found.locked
        )
    return EditorState(
        found.target,
        draft.text,
        draft.base,
        draft.base_text,
        draft=draft,
        disk=found.base,
        locked=why_not_lines(draft.text),
    )
