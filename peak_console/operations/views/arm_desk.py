"""Arming as the screen Arm works with it: ask, approve, confirm, take back, disarm. Calls come from threads.

What a workspace can come to is raised as a ``PeakError``. A token passes through in the arguments and the
answer of a call, and is kept by nobody.
"""

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from peak_console.config.workspace import Workspace
from peak_console.operations.views.arming import ArmLine, ArmRequestLine
from peak_console.operations.views.checklists import Checklist

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peak_console.ledger.service.blocking import BlockingLedgerClient
    from peak_console.operations.arming import Requested
    from peak_console.operations.lowering import LoweredNow

_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class ArmAsked:
    """What a request names; ``ttl_s`` as typed, within the bounds that the node holds."""

    scope: str
    run_id: str
    purpose: str
    ttl_s: int | None
    drill: bool
    operator: str


class ArmDesk(Protocol):
    """Arming of one workspace."""

    def checklist(self) -> Checklist:
        """The pre-live checklist, judged now; takes a moment."""
        ...

    def request(self, asked: ArmAsked) -> "Requested":
        """Ask to be armed; the answer has the token, once."""
        ...

    def approve(self, request_id: str, reason: str, operator: str) -> ArmRequestLine:
        """Approve another operator's request."""
        ...

    def confirm(self, request_id: str, token: str, phrase: str, operator: str) -> ArmLine:
        """Confirm with token and phrase: what this gives is armed."""
        ...

    def withdraw(self, request_id: str) -> bool:
        """Take a request back; whether it still stood."""
        ...

    def disarm(self, reason: str, operator: str) -> "LoweredNow":
        """End arming, and what was asked for. Never refused."""
        ...


class WorkspaceArmDesk:
    """Arming through the node of a workspace, signed with the keys of this user; always now."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws

    def checklist(self) -> Checklist:
        """The pre-live checklist, judged now."""
        from peak_console.operations.checklists import pre_live  # noqa: PLC0415 - loads much

        return pre_live(self._ws)

    def request(self, asked: ArmAsked) -> "Requested":
        """Ask to be armed."""
        from peak_console.operations import arming  # noqa: PLC0415 - loads the keys

        with self._client() as client:
            return arming.request(
                self._ws,
                client,
                scope=asked.scope,
                run_id=asked.run_id,
                purpose=asked.purpose,
                reason=asked.purpose,
                ttl_s=asked.ttl_s,
                drill=asked.drill,
                operator=asked.operator,
            )

    def approve(self, request_id: str, reason: str, operator: str) -> ArmRequestLine:
        """Approve another operator's request."""
        from peak_console.operations import arming  # noqa: PLC0415 - loads the keys

        with self._client() as client:
            return arming.approve(self._ws, client, request_id=request_id, reason=reason, operator=operator)

    def confirm(self, request_id: str, token: str, phrase: str, operator: str) -> ArmLine:
        """Confirm with token and phrase."""
        from peak_console.operations import arming  # noqa: PLC0415 - loads the keys

        with self._client() as client:
            return arming.confirm(
                self._ws, client, request_id=request_id, token=token, phrase=phrase, operator=operator
            )

    def withdraw(self, request_id: str) -> bool:
        """Take a request back."""
        from peak_console.operations import arming  # noqa: PLC0415 - loads the keys

        with self._client() as client:
            return arming.withdraw(client, request_id=request_id)

    def disarm(self, reason: str, operator: str) -> "LoweredNow":
        """End arming: by the same way as the command, background work of a stop that it became too."""
        from peak_console.operations.lowering import disarm, end_background  # noqa: PLC0415 - when needed

        done = disarm(self._ws, reason=reason, operator=operator)
        end_background(self._ws, done)
        return done

    @contextmanager
    def _client(self) -> "Iterator[BlockingLedgerClient]":
        """A client of the node; raises ``NodeUnreachable`` where none runs."""
        from peak_console.control.sockets import find_socket  # noqa: PLC0415 - with the client
        from peak_console.ledger.service.blocking import BlockingLedgerClient  # noqa: PLC0415 - seldom needed

        path = find_socket(self._ws.control)
        with BlockingLedgerClient.connect(path, name="console", deadline_s=_PATIENCE_S) as client:
            yield client
