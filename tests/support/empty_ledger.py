"""A ledger without events, made once for all tests of a worker: its tables take longer than most tests."""

from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from peak_console.ledger.schema import open_for_writing


def put_empty(path: Path) -> None:
    """Have an empty ledger at ``path``, as the product makes it; one that is there is left alone.

    Where no file can be made none is, and whoever opens the ledger is told so.
    """
    if not path.exists():
        data = _empty()
        with suppress(OSError):
            path.write_bytes(data)


@cache
def _empty() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        open_for_writing(path).close()
        return path.read_bytes()
