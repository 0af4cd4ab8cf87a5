"""The way to a workspace's ledger that outlives its faults: opened anew when it must be."""

from pathlib import Path

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import LedgerUnavailable
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.missing_ledger import missing_ledger


class LedgerDoor:
    """Holds at most one reader. Used by one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader: LedgerReader | None = None
        self._file: tuple[int, int] = (0, 0)
        self.generation = 0
        """Raised with every opening: what was folded from an earlier reader does not hold any more."""

    def reader(self) -> LedgerReader:
        """The reader; raises ``LedgerUnavailable`` (code ``ledger_missing`` where there is no file)."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self.close()
            raise missing_ledger(Workspace(self.path.parent.parent)) from None
        except OSError as error:
            self.close()
            raise LedgerUnavailable(
                f"{self.path.name}: {error.strerror or error}", remedy="check the rights of audits/"
            ) from error
        file = (found.st_dev, found.st_ino)
        if self._reader is None or file != self._file:
            self.close()
            self._reader = self._open()
            self._file = file
            self.generation += 1
        return self._reader

    def _open(self) -> LedgerReader:
        return LedgerReader(self.path)

    def close(self) -> None:
        """Close the reader; the next :meth:`reader` opens another."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
