"""The next step: from what is known now, one sentence why, and what a person does next. Pure.

The posture bar, the incident panel, the alerts of Live and ``peak status`` all say the same, since they all
ask here.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from peak_console.domain.posture import UNUSABLE, PostureReason, PostureState
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import Phase, PhaseLevel
from peak_console.operations.views.bar import BarSnapshot

ENABLE: Final = 'peak enable --reason "..." --confirm ENABLE'
_CLOCK: Final = "%H:%M:%SZ"
_SHOWN: Final = 2
"""How many names a sentence holds."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """Why it is as it is, and what to do: ``key`` in the console, ``cli`` in a shell; each may be empty."""

    why: str
    do: str = ""
    key: str = ""
    cli: str = ""

    @property
    def sentence(self) -> str:
        """Both as one line, as ``peak status`` shows it."""
        head = f"{self.why}; {self.do}" if self.do else self.why
        return f"{head}: {self.cli}" if self.cli else head


def next_step(bar: BarSnapshot) -> NextStep:
    """The one thing to do next, gravest first."""
    posture = bar.posture
    if "reading" in posture.reasons:
        return NextStep("reading")
    if bar.workers_missing:
        return _workers(bar)
    match posture.state:
        case PostureState.UNKNOWN:
            return _unknown(bar)
        case PostureState.STOPPED:
            return _stopped(bar)
    return _standing(bar)


def node_start(bar: BarSnapshot) -> str:
    """The command that starts the node here: the service manager's where there is one."""
    return bar.node.service or "peak node start"


def service_missing(bar: BarSnapshot) -> bool:
    """Whether a node that matters is started by nobody after a reboot: from shadow on, simulations aside."""
    phase = Phase(bar.phase) if bar.phase in set(Phase) else Phase.LIVE
    return bar.node.service == "" and phase.level.at_least(PhaseLevel.SHADOW) and not bar.simulated


def _workers(bar: BarSnapshot) -> NextStep:
    why = f"{_named(bar.workers_missing)} did not acknowledge the stop"
    return NextStep(why, "look at it, or end that process", "6", "peak status")


def _named(names: tuple[str, ...]) -> str:
    """The first names, and how many more there are."""
    told = ", ".join(one_line(one, 40) for one in names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{told} and {more} more" if more > 0 else told


def _unknown(bar: BarSnapshot) -> NextStep:
    reasons = bar.posture.reasons
    if PostureReason.NO_WORKSPACE in reasons:
        return NextStep("no workspace is open", "make one", "", "peak init DIR")
    if bar.config_errors:
        first = bar.config_errors[0]
        place = f"{first.file}:{first.line}" if first.line else first.file
        return NextStep(f"{one_line(place, 60)} cannot be used; acts as STOPPED", "mend it", "4", "peak lint")
    if not bar.node.running:
        return _without_node(bar)
    if PostureReason.LEDGER_BROKEN in reasons or bar.ledger.verified is False:
        why = "the ledger's chain does not verify; acts as STOPPED"
        return NextStep(why, "keep it as it is and look", "", "peak ledger verify")
    if PostureReason.CONTROL_FOLDER_UNREADABLE in reasons:
        return NextStep(
            "the control folder cannot be read; acts as STOPPED", "see who may read it", "", "peak status"
        )
    return NextStep("the node's word is missing; acts as STOPPED", "ask the node", "", "peak node status")


def _without_node(bar: BarSnapshot) -> NextStep:
    """No node: nothing new leaves. What had been permitted or stopped stands as it stood."""
    key, after = _after_start(bar)
    rebooted = bar.node.rebooted_at
    if rebooted is None:
        return NextStep("no node runs, so nothing new leaves", f"start it{after}", key, node_start(bar))
    why = f"the machine was rebooted at {_clock(rebooted, bar.taken_at)}: no node runs; nothing was lifted"
    what = "start the service" if bar.node.service else "start the node"
    return NextStep(why, f"{what}{after}", key, node_start(bar))


def _after_start(bar: BarSnapshot) -> tuple[str, str]:
    """What follows on the start: where calls were permitted they are again, by the operator's last enable."""
    if bar.posture.state is PostureState.STOPPED:
        return "e", ", then enable (e)"
    return "", ", then what was permitted holds again"


def _stopped(bar: BarSnapshot) -> NextStep:
    reasons = bar.posture.reasons
    if PostureReason.AI_ENABLED_FALSE in reasons:
        return NextStep("AI_ENABLED=false in this environment", "take it out and start this program anew")
    if PostureReason.NEW_WORKSPACE in reasons:
        return NextStep("a new workspace: no call may leave yet", "enable", "e", ENABLE)
    if bar.node.rebooted_at is not None and not bar.node.running:
        return _without_node(bar)
    if (ill := _ill(bar)) is not None:
        return ill
    if bar.incidents:
        return _incident(bar)
    return NextStep("stopped: no call leaves", "when it is safe again, enable", "e", ENABLE)


def _ill(bar: BarSnapshot) -> NextStep | None:
    """What must be mended or decided before an enable helps."""
    reasons = bar.posture.reasons
    if PostureReason.MATRIX_UNAPPROVED in reasons:
        return NextStep("the matrix waits for another operator's approval", "look at it", "4", "peak status")
    if PostureReason.LEDGER_BROKEN in reasons:
        return NextStep("the ledger's chain does not verify", "keep it and look", "", "peak ledger verify")
    if PostureReason.MATRIX_INVALID in reasons:
        named = (one.partition(":")[0] for one in bar.posture.conflicts if UNUSABLE in one)
        return NextStep(next(named, f"a config {UNUSABLE}"), "see where it is wrong", "", "peak lint")
    if PostureReason.TOO_MANY_SCOPES in reasons:
        why = "more scopes are stopped than a lease can name, so everything is"
        return NextStep(why, "lift what is not needed", "e", "peak status")
    return None


def _standing(bar: BarSnapshot) -> NextStep:
    """Calls may be made: what an operator looks at first."""
    if not bar.node.running:
        return _without_node(bar)
    if any(not one.acknowledged_by and not one.test for one in bar.incidents):
        return _incident(bar)
    armed = bar.armed
    if armed is not None and not armed.drill and bar.posture.state is PostureState.ARMED:
        until = _clock(armed.expires_at, bar.taken_at)
        why = f"live orders may be sent: {one_line(armed.scope, 40)} until {until}"
        return NextStep(why, "to end it at once: x on the Arm screen", "5", "peak disarm")
    if bar.reduce:
        why = "only orders that lower a position pass"
        return NextStep(why, "an enable lifts it", "", lift_command("reduce"))
    if bar.stopped_scopes:
        why = f"stopped: {_named(bar.stopped_scopes)}; all else may call"
        return NextStep(why, "an enable of it lifts it", "", lift_command(bar.stopped_scopes[0]))
    if service_missing(bar):
        why = "calls may be made; no service starts the node after a reboot"
        return NextStep(why, "make it one", "", "peak node install")
    return NextStep("calls may be made, no live order", "to stop everything", "! s", "peak stop")


def lift_command(scope: str) -> str:
    """The whole command that lifts what stands on ``scope``."""
    return f'peak enable --scope {one_line(scope, 60)} --reason "..." --confirm ENABLE'


def _incident(bar: BarSnapshot) -> NextStep:
    """The newest open incident tells what to do about it."""
    first = bar.incidents[0]
    what = one_line(first.summary, 80) or first.trigger.value
    return NextStep(what, one_line(first.next_action, 80), first.next_key or "6", first.cli)


def _clock(moment: datetime, now: datetime) -> str:
    """A time of today alone, of another day with its date."""
    return f"{moment:{_CLOCK}}" if moment.date() == now.date() else f"{moment:%m-%d %H:%MZ}"
