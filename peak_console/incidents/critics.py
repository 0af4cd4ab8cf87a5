"""The critic's fail rate: verdicts of every judged layer, tested one after the other."""

from collections.abc import Mapping
from typing import Any, Final

from peak_console.config.incidents import CriticFailRate
from peak_console.domain.events import EventKind
from peak_console.domain.incidents import Trigger
from peak_console.domain.verdict import Verdict
from peak_console.incidents.alarm import Alarm
from peak_console.incidents.evidence import Stream, gauge, reached
from peak_console.ledger.headers import Header
from peak_console.stats.e_detector import detector

KINDS: Final = (EventKind.CRITIC_JUDGED.value,)

UNANSWERED: Final = "unanswered"
"""The reason of a FAIL that nobody gave: the judge's provider did not answer, and its breaker tells that."""


class Verdicts:
    """One stream for each layer that is judged: 1 for a FAIL, 0 for anything else."""

    def __init__(self) -> None:
        self._streams: dict[str, Stream] = {}
        self._told: list[Alarm] = []

    def take(self, event: Header, body: Mapping[str, Any], rules: CriticFailRate) -> None:
        """Take a verdict in."""
        if event.kind not in KINDS or body.get("reason") == UNANSWERED:
            return
        layer = str(body.get("judged_layer") or event.layer or "")
        usual = float(rules.baseline_pct) / 100
        stream = self._streams.get(layer)
        if stream is None or stream.state.p0 != detector(usual).p0:
            stream = self._streams[layer] = Stream(detector(usual))  # a new baseline begins a new test
        stream.take(hit=body["verdict"] == Verdict.FAIL.value)
        if reached(stream.state, rules.alarm_log):
            self._told.append(_alarm(layer, stream, rules))
            self._streams[layer] = Stream(stream.state.restarted())

    def known(self) -> None:
        """What was found so far is of before."""
        self._told.clear()

    def alarms(self) -> list[Alarm]:
        """Those since the last look."""
        told, self._told = self._told, []
        return told


def _alarm(layer: str, stream: Stream, rules: CriticFailRate) -> Alarm:
    figures = {
        "layer": layer,
        "fails": sum(stream.recent),
        "verdicts": len(stream.recent),
        "baseline_pct": str(rules.baseline_pct),
        **gauge(stream.state, rules.alarm_log),
    }
    summary = (
        f"{layer or 'no layer'}: {stream.told} verdicts are FAIL, usual are {rules.baseline_pct} per cent"
    )
    scope = f"layer:{layer}" if layer else "global"
    return Alarm(Trigger.CRITIC_FAIL_RATE, scope, scope, summary, figures)
