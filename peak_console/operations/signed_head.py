"""The newest signed head of the ledger, for the status: read from its files, seldom anew."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import from_iso
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles, Kept
from peak_console.ledger.heads.tree_file import TreeState, TreeUnusable
from peak_console.operations.views.bar import AnchorLine, SignedHead

SIGN: Final = "peak ledger checkpoint"


class SignedHeads:
    """Reads the newest checkpoint of a workspace again where its files changed. It judges no signature."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._files = CheckpointFiles(ws.checkpoints)
        self._seen: object = None
        self._newest: Kept | None = None
        self._at: datetime | None = None

    def read(self, seq: int, node: Mapping[str, Any], genesis: str = "") -> SignedHead:
        """The head as of a ledger of ``seq`` events; ``node`` is what ``node.json`` says. Never raises.

        ``genesis`` is the hash of its first event: heads of a log before it say nothing of its end.
        """
        with suppress(OSError):
            self._look(genesis)
        told = node.get("notary")
        problem = str(told.get("problem") or "") if isinstance(told, Mapping) else ""
        found = self._newest.checkpoint if self._newest is not None else None
        if found is None:
            problem = problem or ("no head was signed yet" if seq else "")
            return SignedHead(problem=problem, anchors=_anchors(told))
        if found.size > seq:
            problem = problem or f"the ledger ends before its signed head of {found.size} events"
        return SignedHead(found.size, found.root.hex(), self._at, problem, _anchors(told))

    def _look(self, genesis: str) -> None:
        paths = self._files.files()
        found = paths[-1].stat() if paths else None
        seen = (len(paths), found.st_mtime_ns, found.st_size, genesis) if found else None
        if seen == self._seen:
            return
        self._newest, self._at = self._newest_of(genesis), None
        if found is not None and self._newest is not None and self._newest.checkpoint is not None:
            self._at = self._signed_at(self._newest.checkpoint.size, found.st_mtime)
        self._seen = seen

    def _newest_of(self, genesis: str) -> Kept | None:
        """The last head of the log that began so; the last one of any where that is not known."""
        found = self._files.newest()
        if not genesis or found is None or _is_of(found, genesis):
            return found
        for path in reversed(self._files.files()):
            for kept in reversed(list(self._files.of(path))):
                if _is_of(kept, genesis):
                    return kept
        return None

    def _signed_at(self, size: int, written: float) -> datetime:
        """When the notary says it signed; else when the file was last written."""
        with suppress(TreeUnusable, ValueError):
            state = TreeState.read(self._ws.audits / "tree.json")
            if state.size == size:
                return from_iso(state.at)
        return datetime.fromtimestamp(written, UTC)


def _is_of(kept: Kept, genesis: str) -> bool:
    return kept.checkpoint is not None and kept.checkpoint.origin.endswith(f"/{genesis[:16]}")


def _anchors(told: object) -> tuple[AnchorLine, ...]:
    """The anchors as the notary told them last."""
    listed = told.get("anchors") if isinstance(told, Mapping) else None
    return tuple(
        AnchorLine(
            str(one.get("kind") or ""),
            str(one.get("place") or ""),
            one["size"] if isinstance(one.get("size"), int) else 0,
            str(one.get("problem") or ""),
        )
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, Mapping)
    )
