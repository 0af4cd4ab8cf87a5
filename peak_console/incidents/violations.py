"""Policy violations: denials, and calls and outputs that ended by deny, echo or scope, by layer."""

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from peak_console.config.incidents import PolicyViolation
from peak_console.domain.calls import CallReason
from peak_console.domain.events import EventKind
from peak_console.domain.incidents import Trigger
from peak_console.domain.stopping import GLOBAL
from peak_console.domain.text import one_line
from peak_console.incidents.alarm import Alarm
from peak_console.ledger.headers import Header

REASONS: Final = frozenset(
    {
        CallReason.FORBIDDEN_PROVIDER.value,
        CallReason.FORBIDDEN_MODEL.value,
        CallReason.FORBIDDEN_BASE_URL.value,
        CallReason.FORBIDDEN_ECHO.value,
        CallReason.PROVIDER_NOT_ALLOWED.value,
        CallReason.TOOL_OUT_OF_SCOPE.value,
    }
)
"""Reasons of a failed or refused call that are violations."""

FORBIDDEN_OUTPUT: Final = "forbidden_output"
"""The reason of a verdict on an output that its layer's scope forbids."""

KINDS: Final = (
    EventKind.POLICY_DENIED.value,
    EventKind.CALL_FAILED.value,
    EventKind.CALL_REFUSED.value,
    EventKind.CRITIC_JUDGED.value,
)

KEPT: Final = 1000
"""Violations that are remembered; more than ``count`` ever asks for in one window is no more telling."""


class Violations:
    """Violations of a window. A denial and the end of its call are one."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, str, str, str]] = deque(maxlen=KEPT)
        self._calls: dict[str, None] = {}
        self._new: dict[str, int] = {}

    def take(self, event: Header, body: Mapping[str, Any], at_us: int) -> None:
        """Count an event, if it is a violation that was not counted yet."""
        why = _why(event.kind, body)
        key = event.call_id or event.event_id
        if not why or key in self._calls:
            return
        self._calls[key] = None
        if len(self._calls) > KEPT:
            del self._calls[next(iter(self._calls))]
        layer = str(body.get("judged_layer") or event.layer or "")
        self._seen.append((at_us, layer, why, f"{event.provider or '-'}:{event.model_id or '-'}"))
        self._new[layer] = self._new.get(layer, 0) + 1

    def known(self) -> None:
        """What was counted so far is of before: its causes stand, and none of them is seen anew."""
        self._new = dict.fromkeys(self._new, 0)

    def alarms(self, rules: PolicyViolation, now_us: int) -> list[Alarm]:
        """The layers with ``count`` or more within the window that had another one since the last look."""
        new, self._new = self._new, {}
        return [one for layer in new if (one := self._alarm(rules, layer, new[layer], now_us))]

    def _alarm(self, rules: PolicyViolation, layer: str, seen: int, now_us: int) -> Alarm | None:
        within = [
            one for one in self._seen if one[1] == layer and now_us - one[0] < rules.window_s * 1_000_000
        ]
        if len(within) < rules.count:
            return None
        _, _, why, who = within[-1]
        where = layer or "no layer"
        summary = f"{where}: {one_line(why, 80)} by {one_line(who, 80)}, {len(within)} in {rules.window_s} s"
        figures = {
            "layer": layer,
            "count": len(within),
            "window_s": rules.window_s,
            "last": one_line(why, 80),
            "model": one_line(who, 120),
        }
        scope = f"layer:{layer}" if layer else GLOBAL
        return Alarm(Trigger.POLICY_VIOLATION, scope, scope, summary, figures, seen)


def _why(kind: str, body: Mapping[str, Any]) -> str:
    """What was violated; empty where nothing was."""
    if kind == EventKind.POLICY_DENIED:
        return f"{body.get('rule')} at {body.get('where')}"
    reason = str(body.get("reason", ""))
    if kind == EventKind.CRITIC_JUDGED:
        return reason if reason == FORBIDDEN_OUTPUT else ""
    return reason if kind in KINDS and reason in REASONS else ""
