"""``peak evidence``: seal what a run leaves, verify a pack anywhere, read one that verifies."""

import sys
import time
from pathlib import Path

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import counted, table
from peak_console.domain.errors import EnvironmentUnfit, UsageWrong
from peak_console.domain.ids import is_incident_id, is_run_id
from peak_console.domain.text import one_line, plain
from peak_console.evidence.capturing import INCIDENT
from peak_console.node.spawn import ledger_client
from peak_console.operations import evidence
from peak_console.operations.evidence_build import PackBuilt, build_and_export, build_pack
from peak_console.operations.evidence_record import anywhere_against_ledger

_EVERY_S = 0.2
_SHOWN = 20
_edition = click.option(
    "--edition", type=click.IntRange(1), help="Which of the run's packs (default: newest)."
)


@click.group("evidence", epilog="Example: peak evidence verify evidence.tar.gz --key workspace.pub")
def command() -> None:
    """Evidence packs: everything of a run, with proofs, under one signature."""


@command.command("list", epilog="Example: peak evidence list --json")
@common
def list_command(invocation: Invocation) -> int:
    """Every sealed pack, the newest first. Listing verifies none."""
    packs = evidence.list_packs(invocation.workspace())
    rows = [
        [one.run_id, str(one.edition), one.sealed_at[:19], str(one.files), f"{one.bytes:,}", _recorded(one)]
        for one in packs
    ]
    lines = table(["run", "edition", "sealed (UTC)", "files", "bytes", "on the ledger"], rows)
    invocation.reporter.result(evidence.packs_as_json(packs), *(lines if rows else ["no pack is sealed yet"]))
    return 0


@command.command("build", epilog="Example: peak evidence build RUN_ID --export evidence.tar.gz")
@click.argument("run_id")
@click.option("--unfinished", is_flag=True, help="Seal what there is of a run that has not ended.")
@click.option("--incomplete", is_flag=True, help="Seal also where recorded artefacts are not there any more.")
@click.option("--export", "target", type=click.Path(), help="Write the pack into this .tar.gz as well.")
@common
def build_command(
    invocation: Invocation, run_id: str, *, unfinished: bool, incomplete: bool, target: str | None
) -> int:
    """Seal everything of a run into audits/RUN_ID/evidence, and record the seal on the ledger.

    Keys are struck out of what is sealed. A pack that is there already is kept; where the run changed since,
    the next edition is made beside it. Where recorded artefacts are gone, or an earlier edition holds more,
    nothing is sealed without --incomplete.
    """
    ws = invocation.workspace()
    evidence.checked_run_id(run_id)
    with ledger_client(ws, name="peak evidence") as client:
        if target is None:
            built = build_pack(ws, run_id, client, unfinished=unfinished, incomplete=incomplete)
        else:
            built = build_and_export(
                ws, run_id, Path(target), client, unfinished=unfinished, incomplete=incomplete
            )
    invocation.reporter.result(built.as_json(), *_built(built))
    return 0


@command.command("verify", epilog="Example: peak evidence verify RUN_ID")
@click.argument("target", metavar="RUN_ID|PATH")
@click.option("--key", type=click.Path(), help="The workspace's public key, workspace.pub.")
@_edition
@common
def verify_command(invocation: Invocation, target: str, key: str | None, edition: int | None) -> int:
    """Verify a run's pack, or a pack's folder or archive anywhere: files, signature, events and proofs.

    An incident's capture is verified by the incident's id, short as peak incident show takes it, or by its
    folder.

    In its workspace it is also held against the seal that the ledger recorded, so that a pack made anew with
    a stolen key is found. Outside one the public key is named with --key. Exit 1 lists every file that is
    missing, extra or changed, and every proof that does not hold.
    """
    shown = _Progress(enabled=not invocation.as_json and sys.stderr.isatty())
    public = None if key is None else evidence.read_public(Path(key))
    if not Path(target).exists():
        target = _meant(invocation, target)
    if (is_run_id(target) or is_incident_id(target)) and not Path(target).exists():
        found = evidence.verify_pack(invocation.workspace(), target, shown, edition=edition, public=public)
    else:
        found = evidence.verify_path(Path(target), _key_of(invocation) if public is None else public, shown)
        if public is None:
            found = anywhere_against_ledger(invocation.workspace(), Path(target), found)
    shown.clear()
    invocation.reporter.result(evidence.verified_as_json(found), *_verified(found))
    return 0 if found.ok else 1


@command.command("show", epilog="Example: peak evidence show RUN_ID critic_report.md")
@click.argument("run_id")
@click.argument("file", required=False)
@_edition
@common
def show_command(invocation: Invocation, run_id: str, file: str | None, edition: int | None) -> int:
    """Verify a run's pack, then list what is in it and print the critic's report; or print FILE of it.

    A pack that does not verify is not shown: exit 1 says what is wrong with it.
    """
    ws = invocation.workspace()
    run_id = evidence.pack_meant(ws, run_id)
    found = evidence.verify_pack(ws, run_id, edition=edition)
    document = evidence.verified_as_json(found)
    if not found.ok:
        invocation.reporter.result(document, *_verified(found))
        return 1
    if file is not None:
        text = _text(evidence.read_pack_file(ws, run_id, file, edition=edition), file)
        invocation.reporter.result({"path": file, "text": text}, text.rstrip("\n"))
        return 0
    if is_incident_id(run_id):
        report = _text(evidence.read_pack_file(ws, run_id, INCIDENT, edition=edition), INCIDENT)
    else:
        report = evidence.critic_report(ws, run_id, edition=edition)
    rows = [[one.path, f"{one.size:,}", one.media_type] for one in found.files]
    invocation.reporter.result(
        {**document, ("incident" if is_incident_id(run_id) else "critic_report"): report},
        *_verified(found),
        "",
        *table(["file", "bytes", "type"], rows),
        "",
        report.rstrip("\n"),
    )
    return 0


def _meant(invocation: Invocation, target: str) -> str:
    """What is no path here may be an incident's short id; outside a workspace it is none."""
    try:
        return evidence.pack_meant(invocation.workspace(), target)
    except EnvironmentUnfit:
        return target


def _key_of(invocation: Invocation) -> bytes:
    """The key of the workspace around us; outside one it must be named."""
    try:
        ws = invocation.workspace()
    except EnvironmentUnfit as error:
        raise UsageWrong(
            "no workspace here says which key to trust",
            code="key_missing",
            remedy="name the public key that you were given: --key workspace.pub",
        ) from error
    return evidence.workspace_public(ws)


def _built(built: PackBuilt) -> list[str]:
    what = "this pack was sealed already" if built.existed else "sealed"
    if built.missing:
        what = f"{what}, {built.missing} artefact{'s' * (built.missing > 1)} missing"
    under = counted(built.checkpoint_size, "event")
    lines = [
        f"{what}: {counted(built.files, 'file')}, {built.bytes:,} bytes, {counted(built.events, 'event')}",
        f"  {built.path}",
        f"  under the checkpoint of {under}; manifest {built.manifest_sha256[:16]}…",
    ]
    if built.redacted:
        lines.append(f"keys were struck out of {_some(list(built.redacted))}")
    if built.left_out:
        lines.append(f"not in it: {_some([f'{one.what} ({one.reason})' for one in built.left_out])}")
    if built.exported is not None:
        lines.append(f"exported to {built.exported}")
    return lines


def _verified(found: evidence.PackVerified) -> list[str]:
    notes = [f"note: {one_line(one, 300)}" for one in found.notes[:_SHOWN]]
    files = counted(len(found.files), "file")
    if found.ok:
        return [
            f"ok: {_whose(found.run_id)}, {files}, {counted(found.events, 'event')}",
            f"  proved under the checkpoint of {counted(found.checkpoint_size, 'event')}",
            f"  signed by the key {found.signed_by[:16]}…",
            *([f"  as recorded by event {found.recorded_seq}"] if found.recorded_seq is not None else []),
            *notes,
        ]
    told = [f"  {one_line(one, 300)}" for one in found.problems[:_SHOWN]]
    more = len(found.problems) - len(told)
    whose = f" ({_whose(found.run_id)})" if found.run_id else ""
    again = "capture it again: peak capture INCIDENT_ID"
    if not is_incident_id(found.run_id):
        again = "seal the run again: peak evidence build RUN_ID"
    return [
        f"BROKEN{whose}: {counted(len(found.problems), 'problem')}",
        *told,
        *([f"  and {more} more"] if more else []),
        *notes,
        f"do: do not rely on it; compare with a copy, or {again}",
    ]


def _whose(pack: str) -> str:
    """Of what a pack is: a run, or an incident."""
    return f"{'incident' if is_incident_id(pack) else 'run'} {one_line(pack, 60)}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""  # noqa: PLR2004 - as many as fit a line or two
    return one_line(", ".join(names[:5]), 300) + more


def _recorded(one: evidence.PackLine) -> str:
    return "yes" if one.recorded else "no"


def _text(data: bytes, file: str) -> str:
    try:
        return plain(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UsageWrong(
            f"{one_line(file, 80)} is no text",
            code="not_text",
            remedy="open it from the pack's folder, or export the pack",
        ) from error


class _Progress:
    """A line of progress on standard error, for people only."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._next = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if self._enabled and now >= self._next:
            self._next = now + _EVERY_S
            sys.stderr.write(f"\r\033[Kverifying {what}: {done:,} of {total:,}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._enabled and self._next:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
