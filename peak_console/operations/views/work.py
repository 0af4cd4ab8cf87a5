"""What takes long on a screen: verifying, proving, sealing, exporting. Done beside the feed, not by it.

Every function may be called from any thread, tells its progress, and looks now and then whether it is still
wanted. What a workspace can come to is raised as a ``PeakError``; giving up as :class:`WorkCancelled`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import NodeUnreachable, PeakError, UsageWrong

if TYPE_CHECKING:
    from peak_console.operations.evidence import PackVerified

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much."""
Cancelled = Callable[[], bool]

_PATIENCE_S = 20.0


class WorkCancelled(PeakError):
    """It was given up on request."""

    default_code = "work_cancelled"
    why = "it was cancelled before it came to a result"


@dataclass(frozen=True, slots=True)
class ChainVerified:
    """Whether events ``first`` to ``last`` are whole and follow each other and the one before them."""

    ok: bool
    first: int
    last: int
    """The last event that holds."""
    asked_last: int
    broken_seq: int | None = None
    broken_how: str = ""
    detail: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class EventProved:
    """How a signed head proves an event: ``proved``, ``waiting`` for the next head, or ``unproved``."""

    state: str
    words: str
    size: int = 0
    steps: int = 0
    key: str = ""
    remedy: str = ""


class Work(Protocol):
    """The long work of one workspace."""

    def verify_range(self, first: int, last: int, progress: Progress, cancelled: Cancelled) -> ChainVerified:
        """Verify a stretch of the chain."""
        ...

    def prove(self, seq: int) -> EventProved:
        """Prove an event against the newest signed head that covers it."""
        ...

    def verify_pack(
        self, run_id: str, edition: int, progress: Progress, cancelled: Cancelled
    ) -> "PackVerified":
        """Verify a pack; ``edition`` 0 means the newest."""
        ...

    def read_file(self, run_id: str, edition: int, path: str) -> bytes:
        """A file of a pack."""
        ...

    def build(self, run_id: str, *, incomplete: bool = False) -> str:
        """Seal a run's pack; where it lies. ``incomplete`` also where something of the run is gone."""
        ...

    def export(self, run_id: str, edition: int, now: datetime) -> str:
        """Write a pack into an archive; where that is."""
        ...


class WorkspaceWork:
    """The long work of a real workspace."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws

    def verify_range(self, first: int, last: int, progress: Progress, cancelled: Cancelled) -> ChainVerified:
        """Verify a stretch of the chain from its stored bytes."""
        from peak_console.ledger.verifying.chain_range import verify_range  # noqa: PLC0415 - loads the verifier
        from peak_console.ledger.verifying.result import VerifyCancelled  # noqa: PLC0415 - likewise

        began = monotonic()
        try:
            found = verify_range(
                self._ws.ledger,
                first,
                last,
                lambda stage, done, total: progress(stage.value, done, total),
                cancelled=cancelled,
            )
        except VerifyCancelled as error:
            raise WorkCancelled(error.message) from error
        return ChainVerified(
            found.ok,
            found.first,
            found.last,
            last,
            found.broken_seq,
            found.broken_how or "",
            found.detail,
            monotonic() - began,
        )

    def prove(self, seq: int) -> EventProved:
        """Prove an event, and judge the proof with the workspace's public key as anybody could."""
        from peak_console.operations.proofs import prove, verify_proof  # noqa: PLC0415 - loads cryptography

        try:
            made = prove(self._ws, seq)
        except UsageWrong as error:
            state = "waiting" if error.code == "not_checkpointed" else "unproved"
            return EventProved(state, error.message, remedy=error.remedy)
        judged = verify_proof(made.text.encode(), key=made.vkey)
        facts, problems = judged.verdict.facts, judged.verdict.problems
        if problems:
            return EventProved("unproved", problems[0][1], remedy="run: peak ledger verify")
        steps = len(made.document["path"])
        return EventProved("proved", "in the signed ledger", facts["checkpoint"]["size"], steps, judged.key)

    def verify_pack(
        self, run_id: str, edition: int, progress: Progress, cancelled: Cancelled
    ) -> "PackVerified":
        """Verify a pack with the workspace's public key."""
        from peak_console.operations.evidence import (  # noqa: PLC0415 - loads cryptography
            VerificationCancelled,
            verify_pack,
        )

        try:
            return verify_pack(self._ws, run_id, progress, cancelled, edition=edition or None)
        except VerificationCancelled as error:
            raise WorkCancelled("the verification was cancelled") from error

    def read_file(self, run_id: str, edition: int, path: str) -> bytes:
        """A file of a pack as it lies there."""
        from peak_console.operations.evidence import read_pack_file  # noqa: PLC0415 - loads cryptography

        return read_pack_file(self._ws, run_id, path, edition=edition or None)

    def build(self, run_id: str, *, incomplete: bool = False) -> str:
        """Seal a run's pack through the node, which records it."""
        from peak_console.control.sockets import NODE_SOCKET, check_socket, socket_path  # noqa: PLC0415 - seldom
        from peak_console.ledger.service.blocking import BlockingLedgerClient  # noqa: PLC0415 - seldom
        from peak_console.operations.evidence_build import build_pack  # noqa: PLC0415 - loads cryptography

        path = socket_path(self._ws.control, NODE_SOCKET)
        if not path.exists():
            raise NodeUnreachable("no node runs on this workspace", remedy="start it: peak node start")
        check_socket(path)
        with BlockingLedgerClient.connect(path, name="console", deadline_s=_PATIENCE_S) as client:
            built = build_pack(self._ws, run_id, client, incomplete=incomplete)
        return str(built.path.relative_to(self._ws.root))

    def export(self, run_id: str, edition: int, now: datetime) -> str:
        """Write a pack into ``audits/exports``, under a name that says run, edition and time."""
        from peak_console.operations.evidence_build import export_pack  # noqa: PLC0415 - loads cryptography

        folder = self._ws.audits / "exports"
        folder.mkdir(exist_ok=True)
        name = f"evidence-{run_id}-{edition or 1}-{now:%Y%m%dT%H%M%SZ}.tar.gz"
        return str(export_pack(self._ws, run_id, folder / name, edition=edition or None))
