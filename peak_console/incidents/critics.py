"""The critic's fail rate: verdicts of every judged layer, tested one after the other."""

from collections.abc import Mapping
from typing import Any, Final

from peak_console.config.incidents import CriticFailRate
from peak_console.domain.events import EventKind
from peak_console.domain.incidents import Trigger
from peak_console.domain.verdict import Verdict
from peak_console.incidents.alarm import Alarm
from peak_console.incidents.evidence import gauge, reached
from peak_console.ledger.headers import Header
from peak_console.stats.e_detector import EDetector, detector

KINDS: Final = (EventKind.CRITIC_JUDGED.value,)


class Verdicts:
    """One stream for each layer that is judged: 1 for a FAIL, 0 for anything else."""

    def __init__(self) -> None:
        self._states: dict[str, EDetector] = {}
        self._told: list[Alarm] = []

    def take(self, event: Header, body: Mapping[str, Any], rules: CriticFailRate) -> None:
        """Take a verdict in."""
        if event.kind not in KINDS:
            return
        layer = str(body.get("judged_layer") or event.layer or "")
        usual = float(rules.baseline_pct) / 100
        state = self._states.get(layer)
        if state is None or state.p0 != detector(usual).p0:
            state = detector(usual)  # a new baseline begins a new test
        state = state.after(hit=body["verdict"] == Verdict.FAIL.value)
        if reached(state, rules.alarm_log):
            self._told.append(_alarm(layer, state, rules))
            state = state.restarted()
        self._states[layer] = state

    def known(self) -> None:
        """What was found so far is of before."""
        self._told.clear()

    def alarms(self) -> list[Alarm]:
        """Those since the last look."""
        told, self._told = self._told, []
        return told


def _alarm(layer: str, state: EDetector, rules: CriticFailRate) -> Alarm:
    figures = {
        "layer": layer,
        "fails": state.hits,
        "verdicts": state.seen,
        "baseline_pct": str(rules.baseline_pct),
        **gauge(state, rules.alarm_log),
    }
    summary = (
        f"{layer or 'no layer'}: {state.hits} of {state.seen} verdicts are FAIL, "
        f"usual are {rules.baseline_pct} per cent"
    )
    scope = f"layer:{layer}" if layer else "global"
    return Alarm(Trigger.CRITIC_FAIL_RATE, scope, scope, summary, figures)
