"""Model drift, as far as one answer shows it: a model that answers under another name than was asked for."""

from collections.abc import Mapping
from typing import Any, Final

from peak_console.domain.calls import CallReason
from peak_console.domain.events import EventKind
from peak_console.domain.incidents import Trigger
from peak_console.domain.text import one_line
from peak_console.incidents.alarm import Alarm
from peak_console.ledger.headers import Header

KINDS: Final = (EventKind.CALL_FAILED.value,)


class Echoes:
    """Models that answered under another name since the last look."""

    def __init__(self) -> None:
        self._new: dict[tuple[str, str], tuple[int, str, str]] = {}

    def take(self, event: Header, body: Mapping[str, Any]) -> None:
        """Take the end of a hop in."""
        if event.kind not in KINDS or body.get("reason") != CallReason.UNEXPECTED_ECHO:
            return
        if event.provider and event.model_id:
            model = (event.provider, event.model_id)
            times = self._new.get(model, (0, "", ""))[0] + 1
            self._new[model] = (times, str(body.get("served_model") or ""), event.layer or "")

    def known(self) -> None:
        """What was counted so far is of before: it stands, and is not seen anew."""
        self._new = {model: (0, served, layer) for model, (_, served, layer) in self._new.items()}

    def alarms(self) -> list[Alarm]:
        """One for each model."""
        new, self._new = self._new, {}
        return [_alarm(model, *told) for model, told in new.items()]


def _alarm(model: tuple[str, str], times: int, served: str, layer: str) -> Alarm:
    provider, model_id = model
    name, told = f"{provider}:{model_id}", one_line(served, 120)
    figures = {"provider": provider, "model_id": model_id, "served_model": told, "layer": layer}
    summary = f"{name} was asked in {layer or 'no layer'} and {told or 'another model'} answered"
    return Alarm(Trigger.MODEL_DRIFT, name, f"model:{name}", summary, figures, times)
