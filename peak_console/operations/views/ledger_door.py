"""The way to a workspace's ledger that outlives its faults: opened anew when it must be."""

from pathlib import Path

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import LedgerUnavailable
from peak_console.ledger.reader import LedgerReader


class LedgerDoor:
    """Holds at most one reader. Used by one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader: LedgerReader | None = None
        self._file: tuple[int, int] = (0, 0)
        self.generation = 0
        """Raised with every opening: what was folded from an earlier reader does not hold any more."""
        self._absent: LedgerUnavailable | None = None
        """What was found out once about a ledger that is not there: anchors are asked for it."""

    def reader(self) -> LedgerReader:
        """The reader; raises ``LedgerUnavailable`` (code ``ledger_missing`` where there is no file)."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self.close()
            raise self._missing() from None
        except OSError as error:
            self.close()
            raise LedgerUnavailable(
                f"{self.path.name}: {error.strerror or error}", remedy="check the rights of audits/"
            ) from error
        self._absent = None
        file = (found.st_dev, found.st_ino)
        if self._reader is None or file != self._file:
            self.close()
            self._reader = self._open()
            self._file = file
            self.generation += 1
        return self._reader

    def _open(self) -> LedgerReader:
        return LedgerReader(self.path)

    def _missing(self) -> LedgerUnavailable:
        if self._absent is None:
            from peak_console.operations.missing_ledger import missing_ledger  # noqa: PLC0415 - slow, and rare

            self._absent = missing_ledger(Workspace(self.path.parent.parent))
        told = self._absent
        return LedgerUnavailable(told.message, code=told.code, remedy=told.remedy, **told.details)

    def close(self) -> None:
        """Close the reader; the next :meth:`reader` opens another."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
