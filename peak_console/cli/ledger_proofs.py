"""``peak ledger checkpoint``, ``prove``, ``consistency``, ``verify-proof``: what an auditor takes away."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import counted
from peak_console.node.spawn import ledger_client
from peak_console.operations import proofs
from peak_console.operations.ledger import existing

_EVENTS = click.IntRange(1, 10**15)
_FILE = click.Path(dir_okay=False, path_type=Path)
_out = click.option("--out", type=_FILE, help="Write the proof to this file.")
_replace = click.option("--replace", is_flag=True, help="Take the place of a file that is there.")


@click.command("checkpoint", epilog="Example: peak ledger checkpoint --json")
@common
def checkpoint(invocation: Invocation) -> int:
    """Sign the ledger's head now, over everything there is, and show the note.

    With --json also the key to verify it by (vkey). Exit 1 when it is signed and no anchor takes it.
    """
    ws = existing(invocation.workspace())
    with ledger_client(ws, name="peak ledger checkpoint") as client:
        status = proofs.checkpoint(ws, client)
    word = "signed now" if status["moved"] else "nothing came since it was signed"
    anchors = [_anchor(one) for one in status["anchors"]] or ["anchored nowhere outside this workspace"]
    invocation.reporter.result(
        status,
        *str(status["note"]).splitlines(),
        "",
        f"{counted(status['size'], 'event')}, {word}; signed at {status['at']}",
        *anchors,
        f"key: {status['vkey']}",
        "compare: keep this note elsewhere; later, peak ledger consistency proves from its size on",
    )
    kept = not status["anchors"] or any(not one["problem"] for one in status["anchors"])
    return 0 if kept else 1


@click.command("prove", epilog="Example: peak ledger prove 42 --out event-42.proof")
@click.argument("seq", type=_EVENTS)
@_out
@_replace
@common
def prove(invocation: Invocation, seq: int, out: Path | None, *, replace: bool) -> int:
    """Prove that event SEQ stands in the signed ledger, as c2sp.org/tlog-proof text.

    With --json one document, which carries the event's body as well.
    """
    _hand_out(invocation, proofs.prove(invocation.workspace(), seq), out, replace=replace)
    return 0


@click.command("consistency", epilog="Example: peak ledger consistency 100 2000 --out grown.proof")
@click.argument("first", type=_EVENTS)
@click.argument("second", type=_EVENTS)
@_out
@_replace
@common
def consistency(invocation: Invocation, first: int, second: int, out: Path | None, *, replace: bool) -> int:
    """Prove that the ledger of SECOND events begins with the ledger of FIRST events."""
    _hand_out(invocation, proofs.consistency(invocation.workspace(), first, second), out, replace=replace)
    return 0


@click.command("verify-proof", epilog="Example: peak ledger verify-proof event-42.proof --key workspace.pub")
@click.argument("file", type=click.Path(allow_dash=True, path_type=Path))
@click.option("--key", help="The public key: a .pub file, or a verifier key (vkey).")
@click.option("--origin", help="The name that the log must have.")
@common
def verify_proof(invocation: Invocation, file: Path, key: str | None, origin: str | None) -> int:
    """Verify a proof offline, in any folder, with the public key alone; FILE or - for standard input.

    Exit 1 names what does not hold. Without --key it is the key of the workspace here.
    """
    data = sys.stdin.buffer.read(proofs.READ_LIMIT) if str(file) == "-" else proofs.read_file(file)
    judged = proofs.verify_proof(data, key=key, origin=origin, root=invocation.root)
    document = judged.as_json()
    if not judged.verdict.ok:
        wrong = [f"  {one['code']}: {one['message']}" for one in document["problems"]]
        invocation.reporter.result(document, "DOES NOT HOLD", *wrong)
        return 1
    by = f"key {judged.key}"
    if judged.own_key:
        by += " (this workspace's own copy; bring one from elsewhere with --key)"
    invocation.reporter.result(document, *_holds(document), by)
    return 0


def _hand_out(invocation: Invocation, made: proofs.MadeProof, out: Path | None, *, replace: bool) -> None:
    if out is None:
        invocation.reporter.result(made.document, *made.text.splitlines())
        return
    text = json.dumps(made.document) + "\n" if invocation.as_json else made.text
    proofs.write_file(out, text, replace=replace)
    invocation.reporter.result(
        {"file": str(out), "vkey": made.vkey},
        f"written: {out}",
        f"verify: peak ledger verify-proof {out} --key {made.vkey}",
    )


def _anchor(anchor: dict[str, Any]) -> str:
    if anchor["problem"]:
        return f"not anchored in {anchor['kind']} {anchor['place']}: {anchor['problem']}"
    return f"anchored in {anchor['kind']} {anchor['place']}: {counted(anchor['size'], 'event')}"


def _holds(document: dict[str, Any]) -> list[str]:
    """What a proof that holds says, in lines."""
    signed = document["checkpoint"]
    if document["proof"] == "inclusion":
        event = document["header"]
        given = "given, and the one that was written" if document["body"] is not None else "not given"
        lines = [
            f"ok: event {event['seq']} stands in the signed ledger",
            f"event {event['kind']} at {event['ts']} by {event['actor']}",
            f"hash {event['hash']}",
            f"body {given}: sha256 {event['body_sha256']}",
        ]
    else:
        first, second = document["first"], document["second"]
        lines = [
            f"ok: the ledger of {counted(second['size'], 'event')} begins with that of {first['size']:,}",
            f"root at {first['size']:,}: {first['root']}",
            f"root at {second['size']:,}: {second['root']}",
        ]
    return [
        *lines,
        f"signed head: {counted(signed['size'], 'event')}, root {signed['root']}",
        f"log {signed['origin']}",
    ]
