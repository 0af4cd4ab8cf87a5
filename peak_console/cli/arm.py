"""``peak arm``: ask for, approve, confirm and take back arming; what is armed."""

from typing import Any

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import table
from peak_console.cli.token_entry import refuse_without_exit, show_token, typed_phrase, typed_token
from peak_console.control.arm_rules import ASK_AGAIN
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import ControlRefused, UsageWrong
from peak_console.node.spawn import connect_node
from peak_console.operations import arming
from peak_console.operations.views.arming import ArmFacts, ArmLine, ArmRequestLine

_reason = click.option("--reason", default="", help="Why; it is recorded.")
_operator = click.option("--operator", help="Whose key signs (default: the only one you hold).")
_request_id = click.argument("request_id", required=False)

_UNITS = {"s": 1, "m": 60, "h": 3600}


@click.group("arm", epilog="Example: peak arm status")
def command() -> None:
    """Arming: a lease for some minutes under which live orders may pass. Disarm with: peak disarm."""


@command.command(
    "request",
    epilog='Example: peak arm request --drill --scope venue:paper --purpose "weekly drill" --reason "drill"',
)
@click.option(
    "--scope", default="", help="What is armed: venue:NAME or global; in a drill any (default: global)."
)
@click.option("--run", "run_id", default="", help="The run whose orders may pass; a drill needs none.")
@click.option("--purpose", default="", help="What for; it is recorded.")
@click.option("--ttl", help="For how long: 90s, 15m, 1h (default: as configs/control.toml says).")
@click.option("--drill", is_flag=True, help="Walk the whole way in any phase; no order passes by it.")
@click.option("--token-fd", type=click.IntRange(1), help="Write the token there instead of on the terminal.")
@_reason
@_operator
@common
def request_command(
    invocation: Invocation, *, ttl: str | None, token_fd: int | None, operator: str | None, **asked: Any
) -> int:
    """Ask to be armed. The token is shown once, on the terminal itself.

    Needs an enrolled operator's key; outside a drill phase live, a run and a green pre-live checklist. The
    token is not on standard output, and in --json only with --token-fd 1.
    """
    ws = invocation.workspace()
    refuse_without_exit(token_fd)
    with connect_node(ws, name="peak arm") as client:
        got = arming.request(ws, client, ttl_s=_seconds(ttl), operator=operator, **asked)
    document: dict[str, Any] = {
        "request_id": got.request_id,
        "phrase": got.phrase,
        "token_valid_s": got.token_valid_s,
        "needs_approval": got.needs_approval,
    }
    within = f"within {got.token_valid_s} s"
    if got.needs_approval:
        within += " of the approval by another operator"
    if invocation.as_json and token_fd == 1:
        document["token"] = got.token
    else:
        show_token([f"token: {got.token}", f"shown once; usable once, {within}"], got.token, token_fd)
    lines = [f"request {got.request_id}", f"phrase: {got.phrase}"]
    if got.needs_approval:
        lines.append(f'another operator: peak arm approve {got.request_id} --reason "..."')
    invocation.reporter.result(document, *lines, f"then, {within}: peak arm confirm {got.request_id}")
    return 0


@command.command("approve", epilog='Example: peak arm approve --reason "I have seen the checklist"')
@_request_id
@_reason
@_operator
@common
def approve_command(invocation: Invocation, request_id: str | None, reason: str, operator: str | None) -> int:
    """Approve another operator's request, with another key. Without REQUEST_ID the one that waits."""
    ws = invocation.workspace()
    with connect_node(ws, name="peak arm") as client:
        request_id = request_id or _waiting(client)
        line = arming.approve(ws, client, request_id=request_id, reason=reason, operator=operator)
    document = {"request_id": line.request_id, "approved_by": line.approved_by, "requester": line.requester}
    told = f"approved {line.phrase} for {line.requester}; it waits for the token now"
    invocation.reporter.result(document, told)
    return 0


@command.command("confirm", epilog="Example: peak arm confirm")
@_request_id
@click.option("--phrase", help="The phrase as it was shown (default: typed on the terminal).")
@click.option("--token-stdin", is_flag=True, help="Read the token from standard input.")
@click.option("--token-fd", type=click.IntRange(3), help="Read the token from this file descriptor.")
@_operator
@common
def confirm_command(
    invocation: Invocation,
    request_id: str | None,
    phrase: str | None,
    operator: str | None,
    *,
    token_stdin: bool,
    token_fd: int | None,
) -> int:
    """Confirm with the token, typed hidden, and the phrase: then it is armed.

    Without REQUEST_ID the one that waits. Five wrong tries lock arming for ten minutes, never stopping.
    """
    ws = invocation.workspace()
    if token_stdin and token_fd is not None:
        raise UsageWrong("the token comes from one place", remedy="leave --token-stdin or --token-fd out")
    with connect_node(ws, name="peak arm") as client:
        asked = _request(client, request_id)
        token = typed_token(from_stdin=token_stdin, descriptor=token_fd)
        typed = typed_phrase(asked.phrase) if phrase is None else phrase
        line = arming.confirm(
            ws, client, request_id=asked.request_id, token=token, phrase=typed, operator=operator
        )
    told = f"{_armed_word(line)} {line.scope} {line.run_id}".rstrip()
    invocation.reporter.result(
        _document(line), f"{told} until {line.expires_at:%H:%M:%S}Z", "to end it: peak disarm"
    )
    return 0


@command.command("withdraw", epilog="Example: peak arm withdraw")
@_request_id
@common
def withdraw_command(invocation: Invocation, request_id: str | None) -> int:
    """Take a request back. Anybody may; without REQUEST_ID the one that waits."""
    ws = invocation.workspace()
    with connect_node(ws, name="peak arm") as client:
        named = request_id or _waiting(client)
        done = arming.withdraw(client, request_id=named)
    told = f"withdrawn {named}" if done else f"{named} does not stand any more"
    invocation.reporter.result({"request_id": named, "withdrawn": done}, told)
    return 0


@command.command("status", epilog="Example: peak arm status --json")
@common
def status_command(invocation: Invocation) -> int:
    """What is armed or waits, why nothing may be armed, and what happened before."""
    facts = arming.arm_facts(invocation.workspace(), SystemClock())
    invocation.reporter.result(facts.as_json(), *_told(facts))
    return 0


def _request(client: Any, request_id: str | None) -> ArmRequestLine:
    """The request that waits, which is the one named; raises ``ControlRefused``."""
    waits = arming.status(client, SystemClock()).request
    if waits is None or request_id not in {None, waits.request_id}:
        raise ControlRefused(
            "no such request stands" if request_id else "no request waits",
            code="arm_no_request",
            remedy=ASK_AGAIN,
        )
    return waits


def _waiting(client: Any) -> str:
    return _request(client, None).request_id


def _seconds(text: str | None) -> int | None:
    if text is None:
        return None
    number, unit = (text[:-1], text[-1:]) if text[-1:] in _UNITS else (text, "s")
    if not (number.isascii() and number.isdigit()):
        raise UsageWrong(f"{text[:20]!r} is no time", code="ttl_malformed", remedy="write 90s, 15m or 1h")
    return int(number[:9]) * _UNITS[unit]


def _told(facts: ArmFacts) -> list[str]:
    lines = [facts.state.value]
    if facts.freshness.why:
        lines.append(f"{facts.freshness.why}; {facts.freshness.remedy}")
    if facts.lease is not None:
        lines.append(
            f"{_armed_word(facts.lease)} {facts.lease.scope} {facts.lease.run_id}".rstrip()
            + f" for {facts.lease.actor}, {facts.lease.left_s:.0f} s left; to end it: peak disarm"
        )
    if facts.request is not None:
        lines.append(_asked(facts.request))
    if facts.locked_until is not None:
        lines.append(f"locked until {facts.locked_until:%H:%M:%S}Z; stopping never is")
    lines += [f"not now: {why}" for why in facts.refusals if not facts.freshness.why]
    lines += [f"no drill now: {why}" for why in facts.drill_refusals if not facts.freshness.why]
    rows = [[f"{one.at:%Y-%m-%d %H:%M:%S}Z", one.what, one.actor, one.why] for one in facts.past]
    return lines + (["", *table(["when (UTC)", "what", "who", "why"], rows)] if rows else [])


def _asked(asked: ArmRequestLine) -> str:
    waits = asked.needs_approval and not asked.approved_by
    what = "another operator's approval" if waits else f"its token, {asked.tries_left} tries left"
    return f"{asked.request_id} of {asked.requester} waits for {what}: {asked.phrase}"


def _armed_word(line: ArmLine) -> str:
    return "DRILL, nothing passes:" if line.drill else "ARMED"


def _document(line: ArmLine) -> dict[str, Any]:
    return {"armed": ArmFacts(line.granted_at, lease=line).as_json()["armed"]}
