"""Runs made by somebody who wants no pack of them, or a false one: whatever may be appended can be sealed."""

import json
import time
from typing import Any

from evidence_world import RUN, EvidenceWorld, completed, draft, judged, requested, with_run

from peak_console.control.keys import KeyStore
from peak_console.domain.canonical import canonical, sha256_hex
from peak_console.evidence.dsse import seal, unseal
from peak_console.operations.evidence import State, read_pack_file, verify_pack


def _deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def _sealed(world: EvidenceWorld) -> dict[str, Any]:
    built = world.build(incomplete=True)
    found = verify_pack(world.ws, RUN)
    assert found.ok, found.problems
    assert found.events == built.events
    manifest: dict[str, Any] = json.loads(read_pack_file(world.ws, RUN, "manifest.json"))
    return manifest


def test_bodies_at_every_limit_can_be_sealed(begun: EvidenceWorld) -> None:
    """As deep as the ledger takes them, with the largest numbers, odd types and foreign letters."""
    most = 2**53 - 1
    usage = {"input": most, "output": most}
    begun.write(
        draft("run.started", {"purpose": _deep(62), "\x7f key": "\u2028"}, run_id=RUN),
        judged("PASS", findings=_deep(60), sod=_deep(60)),
        draft("critic.judged", {"verdict": "FAIL", "findings": "text", "judge_layer": {"a": []}}, run_id=RUN),
        *[completed(f"call_{number}", "9999999.000000000") for number in range(3)],
        requested("call_z", prompt_name={}, prompt_version=[1], lock_digest="f" * 64),
        draft("run.noted", {"usage": usage, "hop": "x"}, run_id=RUN),
    )
    with_run(begun)
    manifest = _sealed(begun)
    assert {"what": "config lock", "reason": "no_copy_kept", "sha256": "f" * 64} in manifest["left_out"]


def test_artefact_lists_of_any_form_make_no_false_path(begun: EvidenceWorld) -> None:
    """Paths that lead elsewhere are names like others; what is no digest is not compared."""
    digest = "a" * 64
    artefacts: list[Any] = [
        {"path": "../../configs/keys/workspace.pub", "sha256": digest},
        {"path": "/etc/passwd", "sha256": digest},
        {"path": "x", "sha256": ""},
        {"path": ["y"], "sha256": digest},
        "z",
        None,
    ]
    with_run(begun, artefacts=artefacts)
    manifest = _sealed(begun)
    assert [one["what"] for one in manifest["left_out"]] == [
        "artefacts/%2E./%2E./configs/keys/workspace.pub",
        "artefacts/etc/passwd",
    ]


def test_names_of_any_form_stay_apart_and_inside(begun: EvidenceWorld) -> None:
    """Spaces, foreign letters, controls, percent signs, long names: each file once, under a plain name."""
    names = (
        "a b.md",
        "a%20b.md",
        "caf\u00e9.md",
        "\x1b[31m.md",
        "-rf",
        ".hidden",
        "~redacted-1",
        "%2Ehidden",
    )
    names = (*names, "n" * 240)
    found = [begun.artefact(f"odd/{name}", name) for name in names]
    with_run(begun, artefacts=found)
    manifest = _sealed(begun)
    paths = [one["path"] for one in manifest["files"] if one["path"].startswith("artefacts/odd/")]
    assert len(paths) == len(names)
    assert all(path.isascii() and path.isprintable() and " " not in path for path in paths)
    kept = {read_pack_file(begun.ws, RUN, path).decode() for path in paths}
    assert kept == set(names)


def test_a_report_that_does_not_follow_from_the_events_is_found(world: EvidenceWorld) -> None:
    """Even where it was sealed with the right key: what is told in short is made again from the events."""
    folder = world.build().path
    report = (folder / "critic_report.md").read_bytes().replace(b"REVIEW", b"PASS")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for one in manifest["files"]:
        if one["path"] == "critic_report.md":
            one |= {"sha256": sha256_hex(report), "bytes": len(report)}
    statement = json.loads(unseal((folder / "statement.dsse.json").read_bytes(), world.public))
    changed = {"critic_report.md": sha256_hex(report), "manifest.json": sha256_hex(canonical(manifest))}
    for one in statement["subject"]:
        one["digest"]["sha256"] = changed.get(one["name"], one["digest"]["sha256"])
    signer = KeyStore(world.ws.keys, world.environ).signer()
    sealed = seal(canonical(statement), signer)
    files = {"critic_report.md": report, "manifest.json": canonical(manifest), "statement.dsse.json": sealed}
    for name, data in files.items():
        (folder / name).chmod(0o644)
        (folder / name).write_bytes(data)
    found = verify_pack(world.ws, RUN)
    assert {one.state for one in found.files} == {State.OK}
    assert found.problems == ("critic_report.md: it does not follow from the events",)
    assert found.proofs_ok


def test_two_thousand_events_are_sealed_within_two_seconds(begun: EvidenceWorld) -> None:
    """Of the processor's time, so that a busy machine says nothing; verifying takes a fraction of it."""
    begun.write_many([draft("run.noted", {"number": number}, run_id=RUN) for number in range(2000)])
    with_run(begun)
    before = time.process_time()
    begun.build()
    assert time.process_time() - before <= 2.0
    assert verify_pack(begun.ws, RUN).ok
