"""A pack as one file: a compressed tar that comes out the same wherever and whenever it is made."""

import gzip
import io
import os
import tarfile
from pathlib import Path
from typing import Final

from peak_console.domain.errors import EnvironmentUnfit, UsageWrong
from peak_console.evidence.sources import FolderFiles

SUFFIX: Final = ".tar.gz"
_MODE: Final = 0o444
_LEVEL: Final = 6


def export_folder(pack: FolderFiles, name: str, target: Path) -> Path:
    """Write the plain files of a pack below ``name/`` into ``target``; gives its path.

    Names in order, no owners, no times. An existing file is never written over. Raises ``UsageWrong`` for a
    target of another kind or one that exists, ``EnvironmentUnfit`` where it cannot be written, and
    ``PackUnreadable`` where a file of the pack cannot be read.
    """
    if not target.name.endswith(SUFFIX):
        raise UsageWrong(
            f"{target.name} does not end in {SUFFIX}", code="export_name", remedy=f"name it {name}{SUFFIX}"
        )
    try:
        with target.open("xb") as file:
            try:
                _write(pack, name, file)
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                target.unlink(missing_ok=True)
                raise
    except FileExistsError as error:
        raise UsageWrong(f"{target} exists", code="export_exists", remedy="name another file") from error
    except OSError as error:
        raise EnvironmentUnfit(
            f"{target} cannot be written: {error.strerror or error}",
            code="export_unwritable",
            remedy="name a file in a folder that you can write",
        ) from error
    return target


def _write(pack: FolderFiles, name: str, file: io.BufferedWriter) -> None:
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(pack.sizes()):
            data = pack.read(path)
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size, member.mode = len(data), _MODE
            archive.addfile(member, io.BytesIO(data))
