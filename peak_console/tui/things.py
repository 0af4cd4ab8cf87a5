"""What the palette can search beside actions: configs, models and themes, each with a line on it."""

from dataclasses import dataclass
from datetime import datetime

from peak_console.config.workspace import Workspace
from peak_console.domain.text import one_line
from peak_console.tui.theme import SETTINGS


@dataclass(frozen=True, slots=True)
class Thing:
    """``kind`` is ``theme``, ``config`` or ``model``; ``name`` is how it is asked for."""

    kind: str
    name: str
    help: str

    @property
    def text(self) -> str:
        """What is matched: ``open budgets``, ``model openai:gpt-5.2``, ``theme ansi``."""
        verb = {"config": "open"}.get(self.kind, self.kind)
        return f"{verb} {one_line(self.name, 100)}"


def things_of(ws: Workspace | None, now: datetime) -> tuple[Thing, ...]:
    """Everything that can be named; reads configs and ledger, so not on the screen's own thread."""
    themes = tuple(Thing("theme", one, "in this console alone, until it is left") for one in SETTINGS)
    if ws is None:
        return themes
    from peak_console.config.editing.targets import targets_of  # noqa: PLC0415 - only when it is searched
    from peak_console.operations.catalogue import ModelFacts, catalogue  # noqa: PLC0415 - likewise

    def told(one: ModelFacts) -> str:
        where = ", ".join(one.used_in) or "no slot"
        return one_line(f"{one.status}; {where}", 120)

    configs = tuple(Thing("config", one.name, one_line(one.path, 120)) for one in targets_of(ws))
    models = tuple(Thing("model", one.name, told(one)) for one in catalogue(ws, now))
    return (*themes, *configs, *models)
