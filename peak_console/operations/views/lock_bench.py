"""The workbench over the lock: it is signed as a whole, so all that it does here is going back."""

from datetime import datetime

from peak_console.config.editing.differing import text_diff
from peak_console.config.editing.targets import Target
from peak_console.config.workspace import Workspace
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.errors import NodeUnreachable, UsageWrong
from peak_console.operations.views.bench import SaveAsked, WorkspaceBench
from peak_console.operations.workbench.shapes import Checked, Preview, Saved

_PATIENCE_S = 20.0


class LockBench(WorkspaceBench):
    """Shows what going back to a lock of before changes, and does it."""

    def __init__(self, ws: Workspace) -> None:
        super().__init__(ws)
        self._root = ws

    def previous(self) -> tuple[str, str]:
        """Digest and text of the lock before the one in its place; raises as ``peak lock show previous``."""
        from peak_console.operations.locking.placing import lock_bytes  # noqa: PLC0415 - loads the lock's rules
        from peak_console.operations.locking.showing import lock_named  # noqa: PLC0415 - likewise

        lock = lock_named(self._root, "previous")
        return lock.digest, lock_bytes(self._root, lock).decode("utf-8", "surrogateescape")

    def preview(self, target: Target, text: str, now: datetime, operator: str | None = None) -> Preview:  # noqa: ARG002
        """What differs; whether that lock counts today is judged when it is put back."""
        from peak_console.operations.phase import rules_of  # noqa: PLC0415 - loads the ledger

        standing = self.standing(target)
        return Preview(
            target=target,
            base=standing.digest,
            new=sha256_hex(text.encode("utf-8", "surrogateescape")),
            diff=text_diff(standing.text or "", text, target.path),
            keys=(),
            checked=Checked(target, (), (), rules_of(self._root)),
            concerns=(),
            needs_approval=False,
            approved_by=None,
        )

    def save(self, asked: SaveAsked) -> Saved:
        """Put the lock back through the node; raises as ``peak lock rollback`` does."""
        from peak_console.control.sockets import NODE_SOCKET, check_socket, socket_path  # noqa: PLC0415 - seldom
        from peak_console.ledger.service.blocking import BlockingLedgerClient  # noqa: PLC0415 - seldom
        from peak_console.operations.locking.rolling_back import roll_back  # noqa: PLC0415 - seldom

        if asked.back_to is None:
            raise UsageWrong("a lock is signed as a whole", remedy="write it: peak lock write")
        path = socket_path(self._root.control, NODE_SOCKET)
        if not path.exists():
            raise NodeUnreachable("no node runs that could record it", remedy="start it: peak node start")
        check_socket(path)
        with BlockingLedgerClient.connect(path, name="console", deadline_s=_PATIENCE_S) as client:
            done = roll_back(
                self._root, client, asked.back_to, reason=asked.reason, operator=asked.operator or None
            )
        return Saved(asked.target, done.replaced, asked.back_to, done.seq, ())
