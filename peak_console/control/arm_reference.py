"""The page ``docs/arming.md``: how arming goes, with the machine's own table drawn as a diagram."""

import sys
from collections.abc import Iterator
from typing import Final

from peak_console.control.arm_rules import WORDS
from peak_console.control.arming import TRANSITIONS, Move
from peak_console.domain.arming import (
    APPROVAL_S,
    CLOCK_STEP_US,
    LOCKOUT_S,
    SLEPT_US,
    TOKEN_TRIES,
    TOKEN_VALID_S,
    ArmEnd,
    ArmState,
)

PAGE: Final = "docs/arming.md"
"""Where the page stands in the repository."""

ENDS: Final[dict[ArmEnd, str]] = {
    ArmEnd.TTL: "the time of the lease is over on the boot clock, which runs in sleep too",
    ArmEnd.WALL_TTL: "it is over on the wall clock",
    ArmEnd.CLOCK_STEP: f"the wall clock moved against the boot clock by over {CLOCK_STEP_US // 1_000_000} s"
    " since the grant, in either direction, at once or bit by bit; set back, it lengthens nothing",
    ArmEnd.SUSPEND: f"the machine slept for over {SLEPT_US // 1000} ms",
    ArmEnd.NODE_RESTART: "the node ended, or died: then the next node records it; a reboot is one too",
    ArmEnd.DIGEST_CHANGED: "a config or the lock of models is not what it was",
    ArmEnd.BREAKER: "a breaker tripped that was not open at the grant, or opened again",
    ArmEnd.POSTURE_FELL: "calls are not permitted, or were not for a moment, or the scope or run is stopped",
    ArmEnd.PHASE_CHANGED: "the phase is another",
    ArmEnd.RUN_ENDED: "the run that was armed has finished",
    ArmEnd.DISARMED: "somebody disarmed: `peak disarm`, `! d`, a trigger; never refused",
    ArmEnd.TOKEN_EXPIRED: f"the token was not typed within {TOKEN_VALID_S} s",
    ArmEnd.TRIES_USED_UP: f"{TOKEN_TRIES} wrong tokens or phrases",
    ArmEnd.APPROVAL_EXPIRED: f"nobody approved within {APPROVAL_S} s",
    ArmEnd.WITHDRAWN: "the request was taken back; anybody may",
    ArmEnd.REPLACED: "the same operator asked again",
    ArmEnd.UNKNOWN: "the machine made a move that is not in its table, so nothing stands any more",
}
"""What each end of a request or a lease means."""

_HEAD: Final = f"""# Arming: live orders for some minutes

Generated from the code by `make docs`.

Arming is a lease, not a flag: for one scope and one run, for some minutes, in the node's memory, and in the
node's lease on disk as long as it holds. It ends by itself. Nothing in a file, in the environment or on the
ledger arms: `AI_ARMED=true` raises nothing, and a restarted node has nothing armed.

## The way
1. **Ask.** `peak arm request --scope venue:NAME --run RUN_ID --purpose "..." --reason "..."`, as an
   enrolled operator. Only in phase live, where the posture permits calls, the pre-live checklist is green
   (the node judges it itself) and no breaker is tripped. The request is on record before anything comes of
   it.
2. **Approve**, where `configs/control.toml` says `[arm] two_person = true`: another operator, with another
   key, within {APPROVAL_S} s: `peak arm approve`. The token's time begins then.
3. **Confirm.** The token was shown once, on the terminal itself or on the file descriptor of `--token-fd`;
   not on standard output, unless that is descriptor 1. It has 50 random bits, is typed hidden, within
   {TOKEN_VALID_S} s, once. With it goes the phrase that names what will happen, as
   `ARM LIVE venue:NAME RUN_ID 15 MIN`. `peak arm confirm`; without a terminal by `--token-stdin` or
   `--token-fd 3`, and `--phrase`.
4. **Granted** when the grant is on the ledger, and not before. If it cannot be recorded, nothing is armed.

A slip of the hand is found by the token's check character and costs no try. {TOKEN_TRIES} wrong tokens or
phrases, whichever request they were for, lock arming for {LOCKOUT_S // 60} minutes and open the incident
`arm_lockout`; stopping and disarming are never locked. A restart of the node shortens no lockout.
`peak arm withdraw` takes a request back; `peak disarm` ends a lease; `peak arm status` shows what stands
and what happened.

**A drill** (`--drill`) walks the same way in any phase, with the same machine and a lease that no gate
accepts. When it ends, `drill.finished` is on record: held only where it was granted and ran out, not held
where it was disarmed before, for then no TTL was shown. Readiness and
the pre-live checklist go by it.

**Two persons** are two operating-system users. An operator is a key, and whoever may read a key's private
half signs with it: one user who holds the keys of two enrolled operators can approve what it asked for
itself. The boundary is the operating-system user. So from phase testnet on every operator works as a user of
their own, makes their own key there, and is enrolled by its public half: `peak operator enroll NAME
--public-key NAME.pub`. The first operator is enrolled by `peak init`; every further one only with the proof
of one who is enrolled, also where the same user asks.

**What is kept of a token** is a SHA-256 over the token, the request, the configs in force, the node's
session and an epoch that moves whenever posture, phase, configs or breakers changed. It is compared in
constant time, also for what is malformed, late or nobody's. The token is in no event, file, log, argument
or variable of the environment.
"""


def diagram() -> str:
    """The machine's table as a Mermaid state diagram; what leads the same way stands on one line."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {ArmState.IDLE.value}"]
    for before, move, after in TRANSITIONS:
        what = TRANSITIONS[before, move, after]
        lines.append(f"    {before.value} --> {after.value}: {_move(move)} ({what})")
    return "\n".join([*lines, "```"])


def render() -> str:
    """The page as Markdown."""
    return "\n".join([_HEAD, "## The machine\n", diagram(), "", *_ends(), *_refusals()])


def _move(move: Move) -> str:
    return "by itself" if move is Move.TICK else move.value


def _ends() -> Iterator[str]:
    yield "Whatever ends by itself ends before anything else is looked at. Each end is an event.\n"
    yield "## How it ends\n\n| End | When |\n|---|---|"
    for end in ArmEnd:
        yield f"| `{end.value}` | {ENDS[end]} |"
    yield ""


def _refusals() -> Iterator[str]:
    yield "## Why it is refused\n\n| Code | What | What to do |\n|---|---|---|"
    for refusal, (what, remedy) in WORDS.items():
        yield f"| `{refusal.value}` | {what} | {remedy} |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(render())
