"""On-call cards: one a trigger, Markdown beside this file, for one person at three in the morning."""

import re
from functools import lru_cache
from importlib.resources import files
from typing import Final

from peak_console.domain.incidents import Trigger

_ANY_LAYER: Final = "layer:L2"
"""The layer that the cards name."""

_OF_ITS_ID: Final = re.compile(r"(\bpeak incident [a-z]+ )ID\b")


@lru_cache(maxsize=32)
def card(trigger: Trigger) -> str:
    """The card of a trigger, as Markdown that begins with its title."""
    return (files(__package__) / f"{trigger.value}.md").read_text(encoding="utf-8")


def filled(text: str, incident_id: str, scope: str) -> str:
    """A card's commands with the incident's own id and, where a layer is meant, its layer."""
    text = _OF_ITS_ID.sub(rf"\g<1>{incident_id}", text)
    return text.replace(_ANY_LAYER, scope) if scope.startswith("layer:") else text


def render() -> str:
    """All cards as one page: ``docs/oncall.md``."""
    head = [
        "# On-call cards",
        "",
        "Generated from the cards in the package by `make docs`. One card for each thing that opens an",
        "incident; the console shows it there. Whom to call: `[[contacts]]` in `configs/console.toml`.",
        "",
        "Always first: `!` on any screen, or `peak incident now`. Going safer is never refused.",
        "",
    ]
    return "\n".join([*head, *(_below(card(one)) for one in Trigger)]).rstrip() + "\n"


def _below(text: str) -> str:
    """A card one heading lower."""
    return "\n".join(f"#{line}" if line.startswith("#") else line for line in text.splitlines()) + "\n"
