"""Keys do not enter a pack, wherever they stand in what a run left."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from evidence_world import RUN, TODAY, EvidenceWorld, draft, judged, requested, with_run
from support.canaries import ACCESS_KEYS, KEYS, found_in

from peak_console.config.load import load_configs
from peak_console.config.versions import keep_versions
from peak_console.domain.canonical import sha256_hex
from peak_console.operations.evidence import read_pack_file, verify_pack
from peak_console.operations.evidence_build import PackBuilt, export_pack

KEY, OTHER_KEY = KEYS["OPENAI_API_KEY"], KEYS["AWS_BEARER_TOKEN_BEDROCK"]
FORMED = ACCESS_KEYS["AWS_ACCESS_KEY_ID"]
TEXT = f"the key {KEY} and {FORMED}, and api_key = {OTHER_KEY}\n"
BYTES = b"\xff\xfe\x00" + KEY.encode()


@pytest.fixture
def leaky(begun: EvidenceWorld) -> Iterator[EvidenceWorld]:
    """A run that left keys everywhere; gone at the end, because nothing of a test run may keep one."""
    world = begun
    try:
        world.ws.prices.write_text(world.ws.prices.read_text() + f"\n# {KEY}\n")
        configs = load_configs(world.ws, today=TODAY)
        assert keep_versions(world.ws, configs) == ()
        world.write(
            draft("config.changed", {"file": "prices", "old": None, "new": configs.digests["prices"]})
        )
        world.artefact("texts.jsonl", json.dumps({"kind": "request", "text": TEXT}) + "\n")
        artefacts = [
            world.artefact("outlook/result.md", TEXT),
            world.artefact(f"outlook/{KEY}.md", "harmless"),
            world.artefact("outlook/picture.bin", BYTES),
            world.artefact("outlook/plain.md", "nothing in it"),
        ]
        world.write(
            requested("call_x", purpose=TEXT),
            judged("FAIL", rationale=TEXT, **{f"echo {KEY}": {"api_key": OTHER_KEY, "list": [KEY]}}),
            draft("llm.call.refused", {"reason": KEY}, run_id=RUN, call_id="call_y", model_id=KEY),
        )
        yield with_run(world, artefacts=artefacts)
    finally:
        shutil.rmtree(world.ws.root)


def _sealed(world: EvidenceWorld) -> PackBuilt:
    return world.build(environ={**world.environ, **KEYS, **ACCESS_KEYS})


def test_no_key_enters_a_pack(leaky: EvidenceWorld) -> None:
    """Not in artefacts, texts, bodies, headers, configs, reports or names of files; nor beside the pack."""
    built = _sealed(leaky)
    for path in (leaky.ws.audits / RUN).rglob("*"):
        assert not found_in(str(path.relative_to(leaky.ws.root)).encode()), path
        if path.is_file():
            assert not found_in(path.read_bytes()), path
    with_keys = {"events.jsonl", "texts.jsonl", "artefacts/outlook/result.md"}
    assert with_keys <= set(built.redacted)
    assert "artefacts/outlook/plain.md" not in built.redacted


def test_what_was_struck_out_is_said_and_can_still_be_compared(leaky: EvidenceWorld) -> None:
    """Such a pack verifies; the hash on the ledger is found again, and every line says what it lost."""
    _sealed(leaky)
    found = verify_pack(leaky.ws, RUN)
    assert found.ok, found.problems
    assert any("keys struck out" in one for one in found.notes)
    manifest = json.loads(read_pack_file(leaky.ws, RUN, "manifest.json"))
    (entry,) = [one for one in manifest["files"] if one["path"] == "artefacts/outlook/result.md"]
    assert entry["redacted"] is True
    assert entry["original_sha256"] == entry["recorded_sha256"] == sha256_hex(TEXT.encode())
    lines = [json.loads(one) for one in read_pack_file(leaky.ws, RUN, "events.jsonl").splitlines()]
    struck = {one["header"]["kind"]: one["redacted"] for one in lines if "redacted" in one}
    assert struck == {
        "llm.call.requested": ["body"],
        "critic.judged": ["body"],
        "llm.call.refused": ["body", "header"],
        "run.finished": ["body"],
    }
    (text,) = [json.loads(one) for one in read_pack_file(leaky.ws, RUN, "texts.jsonl").splitlines()]
    assert text["redacted"] is True
    left = [(one["what"], one["reason"], one["sha256"]) for one in manifest["left_out"]]
    reason = "holds_a_key_that_cannot_be_struck_out"
    assert ("artefacts/outlook/picture.bin", reason, sha256_hex(BYTES)) in left


def test_an_export_holds_no_key_either(leaky: EvidenceWorld, tmp_path: Path) -> None:
    """The archive is made of the pack's files alone."""
    _sealed(leaky)
    shutil.unpack_archive(
        export_pack(leaky.ws, RUN, tmp_path / "pack.tar.gz"), tmp_path / "out", filter="data"
    )
    for path in (tmp_path / "out").rglob("*"):
        assert not found_in(path.name.encode() + (path.read_bytes() if path.is_file() else b""))
