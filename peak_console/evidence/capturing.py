"""What goes into an incident's capture, and its seal. Pure but for the key that signs.

Unlike a run's pack a capture is of one moment, bounded, and may lack parts: what could not be had is listed
with its reason, and the rest is sealed all the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from peak_console.domain.canonical import sha256_hex
from peak_console.domain.events import LedgerEvent
from peak_console.domain.signing import Signer
from peak_console.evidence.contents import Contents
from peak_console.evidence.derived import program_version
from peak_console.evidence.dsse import seal
from peak_console.evidence.event_lines import line_of, sorted_json
from peak_console.evidence.layout import (
    CHECKPOINT,
    EVENTS,
    GOVERNING,
    PROOFS,
    README,
    UNPROVED,
    config_path,
    safe_name,
)
from peak_console.evidence.manifest import MANIFEST, STATEMENT, LeftOut, Manifest, sorted_left_out
from peak_console.evidence.statement import Statement
from peak_console.evidence.striking import Strike, struck_bytes, struck_lines, struck_value
from peak_console.ledger.heads.notes import Checkpoint
from peak_console.ledger.heads.proofs import InclusionProof

INCIDENT: Final = "incident.json"
STATUS: Final = "status.json"
METRICS: Final = "metrics.txt"
FIGURES: Final = "figures.json"
CONTROL: Final = "control"
LOGS: Final = "logs"
RUNS: Final = "runs"

KEY_INSIDE: Final = "holds_a_key_that_cannot_be_struck_out"


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the ledger. All of ``events`` and ``governing`` have a proof; ``unproved`` have none yet."""

    events: tuple[LedgerEvent, ...] = ()
    governing: tuple[LedgerEvent, ...] = ()
    """The genesis first, and what says how things stood before ``events``."""
    proofs: Mapping[int, InclusionProof] | None = None
    """By place, all against one signed checkpoint; ``None`` where there is none."""
    unproved: tuple[LedgerEvent, ...] = ()


class Capturing:
    """The files of a capture as they gather, keys struck out of each."""

    def __init__(self, incident_id: str, strike: Strike) -> None:
        self.incident_id = incident_id
        self.contents = Contents()
        self._strike = strike
        self._slice = Slice()

    @property
    def checkpoint_size(self) -> int:
        """Events under the signed head that the slice leads to; 0 where there is none."""
        head = self._checkpoint()
        return 0 if head is None else head.size

    def leave_out(self, what: str, reason: str, sha256: str | None = None) -> None:
        """Say that something is not in it, and why."""
        self.contents.left_out.append(LeftOut(self._strike(what), self._strike(reason), sha256))

    def put_json(self, path: str, value: Mapping[str, Any]) -> None:
        """Add a document of our own making."""
        self.contents.put(path, sorted_json(struck_value(dict(value), self._strike)) + b"\n")

    def put(self, path: str, data: bytes, *, lines: bool = False) -> None:
        """Add a file of others; ``lines`` are JSON. One out of which a key cannot be struck is left out."""
        struck = struck_lines(data, self._strike) if lines else struck_bytes(data, self._strike)
        if struck is None:
            self.leave_out(path, KEY_INSIDE, sha256_hex(data))
        else:
            self.contents.put(path, struck, original=data)

    def put_file(self, folder: str, name: str, data: bytes, *, lines: bool = False) -> None:
        """Add a file by a name of others, below ``folder``."""
        parts = (safe_name(part) for part in self._strike(name).split("/") if part)
        self.put("/".join((folder, *parts)), data, lines=lines)

    def put_config(self, name: str, data: bytes, suffix: str) -> None:
        """Add a config as it lies there, under its digest."""
        digest = sha256_hex(data)
        struck = struck_bytes(data, self._strike)
        if struck is None:
            self.leave_out(f"config {name}", KEY_INSIDE, digest)
        else:
            self.contents.put(config_path(name, digest, suffix), struck, original=data)

    def put_slice(self, found: Slice) -> None:
        """Add the ledger's part; raises ``LedgerBroken`` for an event that does not give its own hashes."""
        files = {EVENTS: found.events, GOVERNING: found.governing} if found.proofs is not None else {}
        files |= {UNPROVED: found.unproved} if found.unproved else {}
        ready = {path: self._lines(events) for path, events in files.items()}
        for path, (data, original) in ready.items():
            self.contents.put(path, data, original=original)
        if found.proofs is not None:
            note = next(iter(found.proofs.values())).checkpoint
            self.contents.put(PROOFS, b"".join(map(_proof, sorted(found.proofs.items()))))
            self.contents.put(CHECKPOINT, str(note).encode())
        self._slice = found

    def _lines(self, events: Iterable[LedgerEvent]) -> tuple[bytes, bytes]:
        """The lines of events, keys struck out, and as they were."""
        shown, whole = [], []
        for event in events:
            line = line_of(event, self._strike)
            shown.append(line.data())
            whole.append(line_of(event, _nothing).data() if line.redacted else shown[-1])
        return b"".join(shown), b"".join(whole)

    # -- the seal

    def sealed(self, signer: Signer | None, key_id: str) -> dict[str, bytes]:
        """All files with manifest and statement; without a ``signer`` there is no statement.

        Such a capture is kept and shown as what it is: nobody's word that it was not changed since.
        """
        self.contents.put(README, _README.format(incident_id=self.incident_id, key_id=key_id).encode())
        entries = tuple(self.contents.entries[path] for path in sorted(self.contents.entries))
        manifest = Manifest(self.incident_id, entries, sorted_left_out(self.contents.left_out))
        files = {**self.contents.files, MANIFEST: manifest.data()}
        if signer is not None:
            subjects = {one.path: one.sha256 for one in entries} | {MANIFEST: sha256_hex(files[MANIFEST])}
            files[STATEMENT] = seal(self._statement(manifest, subjects).payload(), signer)
        return files

    def _statement(self, manifest: Manifest, subjects: Mapping[str, str]) -> Statement:
        head = self._checkpoint()
        events, governing = self._slice.events, self._slice.governing
        return Statement(
            run_id=self.incident_id,
            origin="" if head is None else head.origin,
            size=0 if head is None else head.size,
            root="" if head is None else head.root.hex(),
            version=program_version(governing, events[0].seq if events else 0),
            counts={
                "events": len(events) if head else 0,
                "governing": len(governing) if head else 0,
                "unproved": len(self._slice.unproved),
                "files": len(manifest.files),
                "left_out": len(manifest.left_out),
                "redacted": sum(one.redacted for one in manifest.files),
            },
            subjects=subjects,
        )

    def _checkpoint(self) -> Checkpoint | None:
        if self._slice.proofs is None:
            return None
        return Checkpoint.of_text(next(iter(self._slice.proofs.values())).checkpoint.text)


def _proof(item: tuple[int, InclusionProof]) -> bytes:
    seq, proof = item
    hashed = (proof.header or {}).get("hash")
    return sorted_json({"seq": seq, "hash": hashed, "path": [one.hex() for one in proof.path]}) + b"\n"


def _nothing(text: str) -> str:
    return text


_README: Final = """\
Capture of incident {incident_id}
==============================================

Sealed by the workspace whose public Ed25519 key (32 bytes) has the SHA-256
  {key_id}
Get that key (workspace.pub) from somebody you trust. It is not in this folder on purpose. Where there is no
statement.dsse.json nobody signed this: it shows what was found, and proves nothing.

What lies here
  incident.json        the incident, the moment, the runs that were alive, and how much was taken
  statement.dsse.json  DSSE envelope over an in-toto statement: the SHA-256 of every file, signed
  manifest.json        every file with SHA-256, size, type; what could not be captured, and why
  events.jsonl         the ledger around the trigger, header and body, one event a line
  governing.jsonl      how things stood before: genesis, node, phase, and the history of the posture
  proofs.jsonl         for each of these events the path (RFC 9162) to the root of the checkpoint
  checkpoint.note      the ledger's head, signed (c2sp.org/tlog-checkpoint)
  unproved.jsonl       events above that head: each gives its own hash, no proof leads to a signed one
  status.json          the posture and everything that peak status shows
  metrics.txt, figures.json
                       what monitors would have scraped; the ledger's totals
  control/             the control folder's files
  configs/             configs as they lay there, each by its SHA-256
  logs/                the newest lines of the log
  runs/                the folders of the runs that were alive
A name with % is percent-encoded. Keys were struck out; the manifest says where.

Checking it
  With the program:  peak evidence verify FOLDER --key workspace.pub
  Without it:        verify_pack.py of the program's documentation does all of this with Python alone.
"""
