"""Sealing the evidence of a run, and exporting it."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from peak_console.config.versions import read_version
from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.domain.errors import LedgerBroken, PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import crockford
from peak_console.domain.redaction import redactor, secrets_of
from peak_console.domain.signing import Signer
from peak_console.evidence.archive import export_folder
from peak_console.evidence.contents import NOT_THERE, contents_of
from peak_console.evidence.dsse import key_id
from peak_console.evidence.gathering import RunRecord, gather
from peak_console.evidence.layout import ARTEFACTS, REPORT, TEXTS
from peak_console.evidence.manifest import FileEntry, LeftOut
from peak_console.evidence.places import REPORT_COPY, PackPlace, packs_of
from peak_console.evidence.run_files import run_files
from peak_console.evidence.sealing import SealedPack, same_on_disk, seal_pack, write_pack, write_text
from peak_console.evidence.sources import FolderFiles, PackUnreadable
from peak_console.evidence.striking import remembering
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.heads.notes import Checkpoint
from peak_console.ledger.heads.proofs import InclusionProof
from peak_console.ledger.heads.proving import NotSigned, log_key, prove_inclusion
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.evidence import EvidenceUnusable, checked_run_id, pack_place
from peak_console.operations.evidence_record import seals_of
from peak_console.operations.ledger import existing

CHECKPOINT_S = 15.0
"""How long the node may take to sign its head."""


class RunUnfinished(PeakError):
    """A run that goes on, or whose end was never recorded."""

    default_code = "run_unfinished"
    why = "a pack is sealed when its run has ended"


class PackIncomplete(PeakError):
    """Something that the run recorded, or that an earlier edition holds, is not there any more."""

    default_code = "pack_incomplete"
    why = "a poorer pack beside a richer one, or one without the run's artefacts, is sealed only on purpose"


@dataclass(frozen=True, slots=True)
class PackBuilt:
    """A sealed pack."""

    run_id: str
    path: Path
    edition: int
    files: int
    bytes: int
    manifest_sha256: str
    checkpoint_size: int
    events: int
    existed: bool
    """Whether exactly this pack was there already."""
    redacted: tuple[str, ...]
    """Files out of which keys were struck."""
    left_out: tuple[LeftOut, ...]
    seq: int | None = None
    """The place of its ``evidence.sealed``; ``None`` where nobody recorded it."""
    exported: Path | None = None

    @property
    def missing(self) -> int:
        """Artefacts that the run recorded and that are not there any more."""
        return sum(one.reason == NOT_THERE for one in self.left_out)

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "run_id": self.run_id,
            "path": str(self.path),
            "edition": self.edition,
            "files": self.files,
            "bytes": self.bytes,
            "manifest_sha256": self.manifest_sha256,
            "checkpoint_size": self.checkpoint_size,
            "events": self.events,
            "existed": self.existed,
            "redacted": list(self.redacted),
            "left_out": [one.as_dict() for one in self.left_out],
            "seq": self.seq,
            "exported": None if self.exported is None else str(self.exported),
        }


def build_pack(
    ws: Workspace,
    run_id: str,
    client: BlockingLedgerClient | None = None,
    *,
    unfinished: bool = False,
    incomplete: bool = False,
    environ: Mapping[str, str] | None = None,
) -> PackBuilt:
    """Seal everything of a run, and record that on the ledger through ``client``.

    The same run gives the same bytes: an identical newest pack is kept and told of, a changed one becomes the
    next edition beside it. Without a client nothing is recorded, and the head must be signed already.

    Raises ``UsageWrong`` for what is no run id, ``RunUnknown``, :class:`RunUnfinished`,
    :class:`PackIncomplete` where something is gone unless ``incomplete`` allows it, ``NotSigned`` where
    no checkpoint covers the run, ``KeyUnusable`` without the workspace's private key, ``LedgerBroken`` where
    the ledger is not what was signed, ``PackUnwritable``.
    """
    environ = os.environ if environ is None else environ
    signer = KeyStore(existing(ws).keys, environ).signer()
    record = _record(ws, checked_run_id(run_id), unfinished=unfinished)
    pack = _sealed(ws, record, client, signer, environ)
    if not incomplete:
        _check_whole(ws, run_id, pack)
    place, existed = _placed(ws, run_id, pack)
    write_text(ws.audits / run_id / REPORT_COPY, pack.files[REPORT].decode())
    seq = None if client is None else _recorded(client, place, pack)
    entries: tuple[FileEntry, ...] = pack.manifest.files
    return PackBuilt(
        run_id=run_id,
        path=place.path,
        edition=place.edition,
        files=len(pack.files),
        bytes=pack.size,
        manifest_sha256=pack.manifest_sha256,
        checkpoint_size=pack.statement.size,
        events=len(record.events) + len(record.governing),
        existed=existed,
        redacted=tuple(one.path for one in entries if one.redacted),
        left_out=pack.manifest.left_out,
        seq=seq,
    )


def export_pack(ws: Workspace, run_id: str, target: Path, *, edition: int | None = None) -> Path:
    """Write a run's pack into the archive ``target`` (``….tar.gz``), which must not exist; gives its path.

    Nothing is verified: whoever takes the archive does that. Raises :class:`EvidenceUnusable` where there is
    no pack, ``UsageWrong`` and ``EnvironmentUnfit`` as :func:`peak_console.evidence.archive.export_folder`.
    """
    place = pack_place(ws, run_id, edition)
    try:
        return export_folder(FolderFiles(place.path), f"evidence-{run_id}", target)
    except PackUnreadable as error:
        raise EvidenceUnusable(
            str(error), code="evidence_unreadable", remedy=f"see what is wrong: peak evidence verify {run_id}"
        ) from error


def build_and_export(
    ws: Workspace,
    run_id: str,
    target: Path,
    client: BlockingLedgerClient | None,
    *,
    unfinished: bool,
    incomplete: bool,
) -> PackBuilt:
    """:func:`build_pack`, then :func:`export_pack` of what was built."""
    built = build_pack(ws, run_id, client, unfinished=unfinished, incomplete=incomplete)
    return replace(built, exported=export_pack(ws, run_id, target, edition=built.edition))


# -- within


def _record(ws: Workspace, run_id: str, *, unfinished: bool) -> RunRecord:
    with LedgerReader(ws.ledger) as reader:
        record = gather(reader, run_id)
    if not (record.finished or unfinished):
        raise RunUnfinished(
            f"run {run_id} has not ended",
            remedy=f"wait for its end, or seal what there is: peak evidence build {run_id} --unfinished",
        )
    return record


def _sealed(
    ws: Workspace,
    record: RunRecord,
    client: BlockingLedgerClient | None,
    signer: Signer,
    environ: Mapping[str, str],
) -> SealedPack:
    proofs = _proofs(ws, record, client, signer.public)
    contents = contents_of(
        record,
        files=run_files(ws.runs / record.run_id),
        proofs=proofs,
        kept=partial(read_version, ws),
        strike=remembering(redactor(secrets_of(environ))),
        key_id=key_id(signer.public),
    )
    note = next(iter(proofs.values())).checkpoint
    return seal_pack(record, contents, Checkpoint.of_text(note.text), signer)


def _proofs(
    ws: Workspace, record: RunRecord, client: BlockingLedgerClient | None, public: bytes
) -> dict[int, InclusionProof]:
    """A proof of every event; the node is asked to sign its head where none covers the run yet."""
    try:
        return _proved(ws, record, public)
    except NotSigned:
        if client is None:
            raise
        client.request("checkpoint", deadline_s=CHECKPOINT_S)
        return _proved(ws, record, public)


def _proved(ws: Workspace, record: RunRecord, public: bytes) -> dict[int, InclusionProof]:
    events = {one.seq: one for one in (*record.events, *record.governing)}
    seqs = sorted(events)
    with LedgerReader(ws.ledger) as reader:
        proofs = prove_inclusion(reader, seqs, CheckpointFiles(ws.checkpoints), log_key(reader, public))
    for seq, proof in zip(seqs, proofs, strict=True):
        if (proof.header or {}).get("hash") != events[seq].hash:
            raise LedgerBroken(f"event {seq} changed while it was read", remedy="look: peak ledger verify")
    return dict(zip(seqs, proofs, strict=True))


def _check_whole(ws: Workspace, run_id: str, pack: SealedPack) -> None:
    """Raise :class:`PackIncomplete` for a new pack that lacks artefacts, or files of an earlier edition."""
    packs = packs_of(ws.audits, run_id)
    if packs and same_on_disk(packs[-1], pack):
        return
    gone = sum(one.reason == NOT_THERE for one in pack.manifest.left_out)
    remedy = f"to seal what there is: peak evidence build {run_id} --incomplete"
    if gone:
        what = "1 recorded artefact is" if gone == 1 else f"{gone} recorded artefacts are"
        raise PackIncomplete(f"{what} not there any more", remedy=remedy)
    for place in packs:
        held = {one.relative_to(place.path).as_posix() for one in place.path.rglob("*") if one.is_file()}
        held = {one for one in held if one == TEXTS or one.startswith(f"{ARTEFACTS}/")}
        if lost := len(held - set(pack.files)):
            what = "1 file" if lost == 1 else f"{lost} files"
            raise PackIncomplete(
                f"edition {place.edition} holds {what} more than could be sealed now", remedy=remedy
            )


def _placed(ws: Workspace, run_id: str, pack: SealedPack) -> tuple[PackPlace, bool]:
    packs = packs_of(ws.audits, run_id)
    if packs and same_on_disk(packs[-1], pack):
        return packs[-1], True
    return write_pack(ws.audits, run_id, pack, _edition(ws, run_id, pack, packs)), False


def _edition(ws: Workspace, run_id: str, pack: SealedPack, packs: list[PackPlace]) -> int:
    """Which edition a pack becomes: the one it was recorded as, where that was taken away, else a new one."""
    seals = seals_of(ws, run_id)
    there = {one.edition for one in packs}
    same = [one.edition for one in seals if one.manifest_sha256 == pack.manifest_sha256]
    lost = next((edition for edition in same if edition not in there), None)
    return lost or max((*there, *(one.edition for one in seals)), default=0) + 1


def _recorded(client: BlockingLedgerClient, place: PackPlace, pack: SealedPack) -> int:
    """Record the seal; the same seal again is the same event, and gives its place."""
    body = {
        "run_id": place.run_id,
        "manifest_sha256": pack.manifest_sha256,
        "files": len(pack.files),
        "bytes": pack.size,
        "edition": place.edition,
        "checkpoint_size": pack.statement.size,
    }
    name = f"{place.run_id}/{place.edition}/{pack.manifest_sha256}"
    event_id = "ev_" + crockford(hashlib.sha256(name.encode()).digest()[:15])
    (ack,) = client.append([EventDraft(event_id, EventKind.EVIDENCE_SEALED.value, body, run_id=place.run_id)])
    return ack.seq
