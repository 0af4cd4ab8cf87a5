"""An export read elsewhere: verified, and made a ledger of its own again."""

import json
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from peak_console.config.workspace import MATRIX
from peak_console.domain.errors import EnvironmentUnfit, LedgerBroken, UsageWrong
from peak_console.ledger.heads.proofs import Trust
from peak_console.ledger.keeping.export_check import ExportCheck, Findings
from peak_console.ledger.keeping.export_files import ExportFile
from peak_console.ledger.keeping.export_form import ExportHead, ExportMalformed, ExportWrong
from peak_console.ledger.keeping.import_file import write_ledger
from peak_console.operations.proofs import key_named

LEDGER_NAME: Final = "ledger.db"
REPORT_NAME: Final = "report.json"
NOTE_NAME: Final = "checkpoint.note"

_EVERY: Final = 1000

Progress = Callable[[str, int, int], None]
"""Told now and then: what is done, how much of it, and how much there is."""


@dataclass(frozen=True, slots=True)
class Imported:
    """An export that was verified. ``ledger`` is ``None`` where its events are no ledger by themselves."""

    head: ExportHead
    found: Findings
    folder: Path
    ledger: Path | None

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it, and as the report beside the ledger has it."""
        found, head = self.found, self.head
        return {
            "origin": head.origin,
            "first": head.first,
            "last": head.last,
            "head": head.head,
            "run_id": head.run_id,
            "events": found.events,
            "bodies": found.bodies,
            "missing": found.missing,
            "included": found.included,
            "tree_size": found.size,
            "signed": found.signed,
            "complete": found.complete,
            "proven": found.proven,
            "unproven": found.unproven,
            "ledger": None if self.ledger is None else self.ledger.name,
        }


def default_folder(file: Path) -> Path:
    """Where an export goes that no folder was named for: into the working folder, under its own name."""
    return Path(f"{file.stem}-imported")


def read_export(
    file: Path, *, to: Path | None = None, key: str | None = None, progress: Progress | None = None
) -> Imported:
    """Verify an export, and write it to a folder of its own: as a ledger, where it is whole, and a report.

    ``key`` is a ``.pub`` file or a verifier key's text. Raises ``UsageWrong`` for what is no export and where
    the folder is taken, ``LedgerBroken`` where it is not what was written or signed. Nothing is left then.
    """
    folder = to or default_folder(file)
    _refuse_folder(folder)
    trust = None if key is None else key_named(key)
    try:
        source = ExportFile(file)
    except ExportMalformed as error:
        raise _no_export(file, error) from error
    except OSError as error:
        raise UsageWrong(
            f"{str(file)[:200]} cannot be read: {error.strerror or error}",
            code="file_unreadable",
            remedy="name a file that is there",
        ) from error
    part = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    try:
        part.mkdir(parents=True)
        done = _take(source, part, folder, trust, progress)
        part.rename(folder)
    except OSError as error:
        raise EnvironmentUnfit(
            f"{folder} cannot be made: {error.strerror or error}",
            code="folder_unwritable",
            remedy="name another folder with --to",
        ) from error
    finally:
        with suppress(OSError):
            if part.exists():
                shutil.rmtree(part)
    return done


def _take(
    source: ExportFile, part: Path, folder: Path, trust: Trust | None, progress: Progress | None
) -> Imported:
    head = source.head
    try:
        check = ExportCheck(head, trust)
        events = check.events(_told(source.events(), head.events, progress), source.unit)
        is_whole = head.contiguous and head.first == 1 and head.bodies
        if is_whole:
            write_ledger(part / LEDGER_NAME, events, lambda: check.ranges)
        else:
            for _ in events:
                pass
        found = check.finish()
    except ExportMalformed as error:
        raise _no_export(source.path, error) from error
    except ExportWrong as error:
        raise LedgerBroken(
            f"{source.path.name[:120]}: {error}",
            code="export_wrong",
            remedy="it is not what was exported; ask for it again, and keep this file as it is",
        ) from error
    if is_whole and not found.complete:
        (part / LEDGER_NAME).unlink()
        is_whole = False
    done = Imported(head, found, folder, folder / LEDGER_NAME if is_whole else None)
    report = json.dumps({"file": source.path.name, **done.as_json()}, indent=2, ensure_ascii=True)
    (part / REPORT_NAME).write_text(report + "\n", encoding="utf-8")
    if head.checkpoint is not None:
        (part / NOTE_NAME).write_text(head.checkpoint, encoding="utf-8")
    return done


def _told(
    events: Iterator[tuple[int, dict[str, Any]]], total: int, progress: Progress | None
) -> Iterator[tuple[int, dict[str, Any]]]:
    for count, one in enumerate(events, 1):
        if count > total:
            raise ExportWrong(f"it has more events than the {total} its head says")
        if progress is not None and count % _EVERY == 0:
            progress("verifying", count, total)
        yield one


def _refuse_folder(folder: Path) -> None:
    """An import never goes where something is, and never into a workspace."""
    if folder.exists() or folder.is_symlink():
        raise UsageWrong(
            f"{str(folder)[:200]} is there already",
            code="folder_exists",
            remedy="name a new folder: --to FOLDER",
        )
    for above in folder.absolute().parents:
        if above.name == "audits" and (above.parent / MATRIX).exists():
            raise UsageWrong(
                f"{str(folder)[:200]} lies beside a workspace's own ledger",
                code="folder_in_workspace",
                remedy="name a folder outside its audits: --to FOLDER",
            )


def _no_export(file: Path, error: ExportMalformed) -> UsageWrong:
    return UsageWrong(
        f"{file.name[:120]} is no export of a ledger: {error}",
        code="not_an_export",
        remedy="make one with: peak ledger export --out FILE",
    )
