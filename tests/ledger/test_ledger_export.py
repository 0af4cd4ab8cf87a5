"""Exports: what leaves the ledger proves itself elsewhere, and nothing that was changed on the way passes."""

import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_desk import Desk
from ledger_events import completed, note, requested

from peak_console.control.keys import KeySigner
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.heads.merkle import Frontier
from peak_console.ledger.heads.notes import Checkpoint, NoteKey, origin_of
from peak_console.ledger.heads.proofs import Trust
from peak_console.ledger.keeping.export_check import ExportCheck, Findings
from peak_console.ledger.keeping.export_files import ExportFile, write_lines
from peak_console.ledger.keeping.export_form import LINE_LIMIT, ExportHead, ExportMalformed, ExportWrong
from peak_console.ledger.keeping.export_parquet import write_parquet
from peak_console.ledger.keeping.export_source import ExportSource, Piece
from peak_console.ledger.keeping.import_file import write_ledger
from peak_console.ledger.verifying.verify import verify

SIGNER = KeySigner(Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))
OTHER = KeySigner(Ed25519PrivateKey.from_private_bytes(b"\x08" * 32))
SIGNED = 30
RUN = "20261122_120000_abc123"


class Exporter:
    """A ledger with some calls, whose first events are signed."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        for number in range(16):
            run = RUN if number % 3 == 0 else "r2"
            desk.write(requested(f"c{number}", run_id=run), completed(f"c{number}", run_id=run))
        self.desk = desk
        self.folder = folder
        self.files = CheckpointFiles(folder / "checkpoints")
        with desk.reader() as reader:
            events = reader.read(0, SIGNED)
            self.origin = origin_of(SIGNER.public, events[0].hash)
            frontier = Frontier()
            frontier.extend(bytes.fromhex(event.hash) for event in events)
        head = Checkpoint(self.origin, SIGNED, frontier.root())
        self.files.append(head.signed(SIGNER), desk.clock.now())

    def source(self, **piece: Any) -> ExportSource:
        """A piece of it on its way out."""
        reader = self.desk.reader()
        asked = {"first": 1, "last": reader.head()[0], **piece}
        return ExportSource(reader, Piece(**asked), self.files, SIGNER.public)

    def lines(self, **piece: Any) -> list[bytes]:
        """An export as JSONL."""
        source, file = self.source(**piece), io.BytesIO()
        write_lines(file, source.head, source.events())
        return file.getvalue().splitlines(keepends=True)

    def check(self, lines: list[bytes], trust: Trust | None = None) -> Findings:
        """What an importer finds."""
        path = self.folder / "given.jsonl"
        path.write_bytes(b"".join(lines))
        return check(path, trust)


def check(path: Path, trust: Trust | None = None) -> Findings:
    """Verify a file."""
    file = ExportFile(path)
    checked = ExportCheck(file.head, trust)
    for _ in checked.events(file.events(), file.unit):
        pass
    return checked.finish()


@pytest.fixture
def exporter(desk: Desk, tmp_path: Path) -> Exporter:
    """An exporter over the desk's ledger."""
    return Exporter(desk, tmp_path)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    """One exporter for all examples; nobody changes it."""
    folder = tmp_path_factory.mktemp("kept")
    desk = Desk(folder / "ledger.db").open()
    yield Exporter(desk, folder)
    desk.writer.close()


def test_a_whole_export_is_a_ledger_again(exporter: Exporter) -> None:
    """Every hash, link and figure of the new file verifies; head and events are those of the old one."""
    lines = exporter.lines()
    found = exporter.check(lines, Trust(SIGNER.public))
    assert (found.events, found.included, found.signed, found.complete) == (33, SIGNED, True, True)
    file = ExportFile(exporter.folder / "given.jsonl")
    checked = ExportCheck(file.head, None)
    new = exporter.folder / "new.db"
    write_ledger(new, checked.events(file.events(), file.unit), lambda: checked.ranges)
    result = verify(new)
    assert result.ok, result
    assert (result.events, result.head) == exporter.desk.writer.head


def test_a_line_is_what_its_hashes_are_taken_of(exporter: Exporter) -> None:
    """The header's fields and the body, nothing else: anybody's program can compute the hashes."""
    first = json.loads(exporter.lines()[1])
    assert set(first) == {
        "seq", "event_id", "ts", "boot_us", "kind", "actor", "body_sha256", "prev_hash", "hash", "body",
    }  # fmt: skip


def test_a_runs_slice_proves_each_event(exporter: Exporter) -> None:
    """Each event under the signed head carries its path; later ones are told as unproven."""
    found = exporter.check(exporter.lines(run_id=RUN), Trust(SIGNER.public, exporter.origin))
    assert (found.events, found.included, found.signed, found.complete) == (12, 10, True, False)
    assert any("2 events came after" in one for one in found.unproven)


def test_a_middle_piece_is_proven_by_its_links(exporter: Exporter) -> None:
    """One path for its last signed event; the links prove those before it."""
    found = exporter.check(exporter.lines(first=10, last=33), Trust(SIGNER.public))
    assert (found.events, found.included, found.signed, found.from_genesis) == (24, 21, True, False)


def test_headers_alone_are_an_export(exporter: Exporter) -> None:
    """Without bodies everything but them is proven, and it is no ledger."""
    found = exporter.check(exporter.lines(bodies=False))
    assert (found.missing, found.bodies, found.complete) == (33, 0, False)
    assert any("no key was given" in one for one in found.unproven)


def test_parquet_says_the_same(exporter: Exporter) -> None:
    """The same head and the same events, typed; verified like the lines."""
    pytest.importorskip("pyarrow")
    for piece in ({}, {"run_id": RUN}, {"bodies": False}):
        source = exporter.source(**piece)
        path = exporter.folder / f"{len(piece)}{piece.get('bodies')}.parquet"
        write_parquet(path, source.head, source.events())
        given = ExportFile(path)
        assert given.head == source.head
        assert check(path, Trust(SIGNER.public)).events == source.head.events
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(ExportMalformed):
            ExportFile(path)


def test_another_key_is_told(exporter: Exporter) -> None:
    """A key that did not sign it, and the right key under another log's name."""
    lines = exporter.lines()
    for trust in (Trust(OTHER.public), Trust(OTHER.public, exporter.origin), Trust(SIGNER.public, "x/y")):
        with pytest.raises(ExportWrong):
            exporter.check(lines, trust)


def test_a_rewritten_ledger_does_not_leave(exporter: Exporter) -> None:
    """Where the signed root is not that of the events, nothing is exported."""
    head = Checkpoint(exporter.origin, SIGNED, b"\x01" * 32)
    exporter.files = CheckpointFiles(exporter.folder / "others")
    exporter.files.append(head.signed(SIGNER), exporter.desk.clock.now())
    with pytest.raises(Exception, match="not the one"):
        exporter.source()


def _edit(lines: list[bytes], at: int, **changes: Any) -> list[bytes]:
    fields = json.loads(lines[at])
    fields.update(changes)
    return [*lines[:at], json.dumps(fields).encode() + b"\n", *lines[at + 1 :]]


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (lambda lines: _edit(lines, 5, actor="eve"), "line 6: its hash"),
        (lambda lines: _edit(lines, 5, body={"hop": 1}), "line 6: its body"),
        (lambda lines: _edit(lines, 5, body=None), "line 6: its body is missing"),
        (lambda lines: _edit(lines, 5, extra=1), "line 6: it has unknown"),
        (lambda lines: _edit(lines, 5, seq="5"), "line 6: its seq"),
        (lambda lines: [*lines[:5], *lines[6:]], "line 6: it is event 6"),
        (lambda lines: [*lines[:5], lines[6], lines[5], *lines[7:]], "line 6: it is event 6"),
        (lambda lines: lines[:-1], "it ends after 32"),
        (lambda lines: [*lines[:-1], lines[-1][:-1]], "line 34 has no end"),
        (lambda lines: [*lines[:4], b"{\n", *lines[4:]], "line 5: it is no JSON"),
        (lambda lines: [*lines[:4], b"[]\n", *lines[4:]], "line 5: it is no JSON object"),
        (lambda lines: [*lines[:4], b"\n", *lines[4:]], "line 5: it is no JSON"),
        (lambda lines: [*lines[:4], b" " * (LINE_LIMIT + 1)], "line 5 is longer"),
        (lambda lines: _edit(lines, 0, events=32), "first, last and events|not whole"),
        (lambda lines: _edit(lines, 0, head="0" * 64), "it ends after"),
        (lambda lines: _edit(lines, 0, checkpoint="x"), "checkpoint is none"),
        (lambda lines: _edit(lines, 0, origin="other"), "another ledger"),
        (lambda lines: _edit(lines, 0, path=["0" * 64]), "does not lead"),
        (lambda lines: _edit(lines, 0, proven=12), "does not lead"),
        (lambda lines: _edit(lines, 0, proven=None), "without a proof"),
        (lambda lines: _edit(lines, 0, format="peak-ledger-export/v2"), "it is no peak"),
        (lambda lines: lines[1:], "it is no peak"),
        (lambda lines: [], "it is no JSON"),
    ],
)
def test_what_was_changed_is_named(exporter: Exporter, what: Any, told: str) -> None:
    """Each change is told with the line at fault."""
    with pytest.raises((ExportWrong, ExportMalformed), match=told):
        exporter.check(what(exporter.lines()))


def test_a_path_of_another_event_is_told(exporter: Exporter) -> None:
    """In a run's slice every path must lead from its own event."""
    lines = exporter.lines(run_id=RUN)
    other = json.loads(lines[2])["path"]
    with pytest.raises(ExportWrong, match="line 2: its path"):
        exporter.check(_edit(lines, 1, path=other))


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_no_changed_byte_passes(kept: Exporter, data: st.DataObject) -> None:
    """Whatever byte is changed, what the importer then takes is still exactly what was exported."""
    lines = kept.lines(**data.draw(st.sampled_from([{}, {"run_id": RUN}])))
    whole = bytearray(b"".join(lines))
    start = len(lines[0])
    at = data.draw(st.integers(start, len(whole) - 1))
    whole[at] = data.draw(st.integers(0, 255))
    path = kept.folder / f"fuzz{random.random()}.jsonl"  # noqa: S311 - a name
    path.write_bytes(bytes(whole))
    try:
        file = ExportFile(path)
        checked = ExportCheck(file.head, Trust(SIGNER.public))
        taken = [(one.header[:15], one.body) for one in checked.events(file.events(), file.unit)]
        checked.finish()
    except (ExportWrong, ExportMalformed):
        return
    finally:
        path.unlink()
    piece = {} if file.head.run_id is None else {"run_id": RUN}
    assert taken == [(one.header[:15], one.body) for one in kept.source(**piece).events()]


@settings(max_examples=150, deadline=None)
@given(
    fields=st.dictionaries(
        st.sampled_from(
            ["format", "origin", "first", "last", "prev_hash", "events", "head", "run_id", "bodies", "pruned",
             "checkpoint", "proven", "path", "vkey"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=70),
            lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=8), one, max_size=3),
            max_leaves=6,
        ),
    )
)  # fmt: skip
def test_a_hostile_head_is_only_refused(kept: Exporter, fields: dict[str, Any]) -> None:
    """Whatever stands in a head: it is taken for one, or refused in words; never anything else."""
    whole = json.loads(kept.lines()[0])
    for given_fields in (fields, {**whole, **fields}):
        try:
            head = ExportHead.of_bytes(json.dumps(given_fields).encode())
            ExportCheck(head, None)
        except (ExportMalformed, ExportWrong):
            continue
        assert head.events > 0


def test_events_that_no_ledger_takes_are_refused(desk: Desk, tmp_path: Path) -> None:
    """A chain that is sound by its hashes and still none of ours is refused, not half written."""
    desk.write(note("x"))
    exporter = Exporter(desk, tmp_path)
    events = list(exporter.source().events())
    twice = [events[0], events[1], events[1]]
    with pytest.raises(ExportWrong, match="no ledger takes it"):
        write_ledger(tmp_path / "new.db", twice, list)


def test_the_vkey_in_the_head_is_the_workspaces(exporter: Exporter) -> None:
    """It names the key, so that an auditor sees which one to ask for."""
    key = NoteKey.of_vkey(exporter.source().head.vkey or "")
    assert (key.public, key.name) == (SIGNER.public, exporter.origin)
