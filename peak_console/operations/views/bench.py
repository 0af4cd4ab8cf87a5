"""The workbench as screens need it: previews, saves, versions. Everything may be called from any thread.

What a workspace can come to is raised as a ``PeakError``.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from peak_console.config.editing.targets import Target
from peak_console.config.workspace import Workspace
from peak_console.operations.workbench.shapes import Preview, Saved, Version

if TYPE_CHECKING:
    from peak_console.operations.workbench.files import Standing

_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose key signs a change: a name, or why there is none and what helps."""

    name: str = ""
    problem: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class SaveAsked:
    """What an operator asks to be saved. ``back_to`` is the version that a rollback goes to."""

    target: Target
    text: str
    base: str | None
    reason: str
    operator: str
    confirmed: frozenset[str] = frozenset()
    """Codes of the concerns that were shown and confirmed by the typed word."""
    back_to: str | None = None


class Bench(Protocol):
    """The workbench of one workspace."""

    def signer(self) -> Signer:
        """Whose key this user signs with."""
        ...

    def preview(self, target: Target, text: str, now: datetime, operator: str | None = None) -> Preview:
        """What saving ``text`` would do, and what stands against it."""
        ...

    def save(self, asked: SaveAsked) -> Saved:
        """Save, or roll back."""
        ...

    def history(self, target: Target, now: datetime) -> tuple[Version, ...]:
        """Every version of a config, the newest first."""
        ...

    def version_text(self, target: Target, digest: str) -> str:
        """The text of a version."""
        ...

    def standing(self, target: Target) -> "Standing":
        """The file as it stands on disk."""
        ...


class WorkspaceBench:
    """The workbench of a real workspace."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws

    def signer(self) -> Signer:
        """The only key this user holds; several are named, none is said with its remedy."""
        from peak_console.control.keys import KeyStore  # noqa: PLC0415 - loads cryptography
        from peak_console.domain.errors import PeakError  # noqa: PLC0415 - likewise
        from peak_console.operations.enable import choose_operator  # noqa: PLC0415 - likewise

        try:
            return Signer(choose_operator(KeyStore(self._ws.keys), None))
        except PeakError as error:
            return Signer("", error.message, error.remedy)

    def preview(self, target: Target, text: str, now: datetime, operator: str | None = None) -> Preview:
        """Lint, differences, concerns and approval of ``text``."""
        from peak_console.operations.workbench.saving import preview  # noqa: PLC0415 - loads lint and ledger

        return preview(self._ws, target, text, now=now, operator=operator)

    def save(self, asked: SaveAsked) -> Saved:
        """Save through the node, which records it; raises ``NodeUnreachable`` where none runs."""
        from peak_console.control.sockets import NODE_SOCKET, check_socket, socket_path  # noqa: PLC0415 - seldom
        from peak_console.domain.errors import NodeUnreachable  # noqa: PLC0415 - seldom
        from peak_console.ledger.service.blocking import BlockingLedgerClient  # noqa: PLC0415 - seldom
        from peak_console.operations.workbench.saving import Change, carry_out  # noqa: PLC0415 - seldom

        path = socket_path(self._ws.control, NODE_SOCKET)
        if not path.exists():
            raise NodeUnreachable(
                "no node runs on this workspace that could record the change",
                remedy="start it: peak node start; the draft is kept",
            )
        check_socket(path)
        change = Change(asked.target, asked.text, asked.base, asked.reason, back=asked.back_to is not None)
        with BlockingLedgerClient.connect(path, name="console", deadline_s=_PATIENCE_S) as client:
            return carry_out(
                self._ws, client, change, operator=asked.operator or None, confirmed=asked.confirmed
            )

    def history(self, target: Target, now: datetime) -> tuple[Version, ...]:
        """The versions by the ledger; none where it has not begun."""
        from peak_console.operations.workbench.history import history  # noqa: PLC0415 - loads the ledger

        return history(self._ws, target, now=now)

    def version_text(self, target: Target, digest: str) -> str:
        """A kept text."""
        from peak_console.operations.workbench.history import version_text  # noqa: PLC0415 - loads the ledger

        return version_text(self._ws, target, digest)

    def standing(self, target: Target) -> "Standing":
        """The file, line ends and all."""
        from peak_console.operations.workbench.files import read_standing  # noqa: PLC0415 - seldom

        return read_standing(self._ws, target)
