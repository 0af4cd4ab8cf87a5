"""On-call cards: one a trigger, short, and every command and key in them exists."""

import re
import shlex
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import click
import pytest

from peak_console.cli.program import peak
from peak_console.domain.incidents import Trigger
from peak_console.incidents.cards import card, filled, render
from peak_console.tui.actions import ACTIONS

_CODE = re.compile(r"`([^`\n]+)`")
_PARTS = ("Look first", "Do now", "Stop everything when", "Close", "Call")
_MOST_WORDS = 320


def _codes(text: str) -> Iterator[str]:
    return (found.group(1) for found in _CODE.finditer(text))


@pytest.mark.parametrize("trigger", list(Trigger))
def test_a_card_is_whole_and_short(trigger: Trigger) -> None:
    """Its title names the trigger, its parts stand in their order, and it reads in a minute."""
    text = card(trigger)
    assert f"(`{trigger.value}`)" in text.splitlines()[0]
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == list(_PARTS)
    assert len(text.split()) < _MOST_WORDS


def test_there_is_no_card_of_a_trigger_that_is_none() -> None:
    """A file beside them would never be shown."""
    names = {path.name.removesuffix(".md") for path in files("peak_console.incidents.cards").iterdir()}
    assert {name for name in names if "." not in name and name != "__pycache__"} == {*Trigger}


def test_a_card_of_an_incident_has_its_id_and_layer() -> None:
    """What is copied out of it at night closes this incident and lifts this layer's stop, no other's."""
    text = filled(card(Trigger.POLICY_VIOLATION), "inc_7", "layer:L4")
    assert "peak incident close inc_7" in text
    assert "peak incident show inc_7" in filled(card(Trigger.OPERATOR), "inc_7", "global")
    assert "peak enable --scope layer:L4" in text
    assert "layer:L2" not in text
    assert "layer:L2" in filled(card(Trigger.BUDGET_RUNAWAY), "inc_7", "global")


@pytest.mark.parametrize("trigger", list(Trigger))
def test_every_command_and_key_of_a_card_exists(trigger: Trigger) -> None:
    """Commands with their options as the command line has them; keys as the registry binds them."""
    keys = {action.shown for action in ACTIONS}
    for code in _codes(card(trigger)):
        if code.startswith("peak "):
            _exists(code)
        elif len(code) == 1:
            assert code in keys, f"no action has the key {code}"


def _exists(line: str) -> None:
    """Raise unless the command and each of its options are known."""
    command: click.Command = peak
    context = click.Context(peak, info_name="peak")
    words = shlex.split(line)[1:]
    while words and isinstance(command, click.Group):
        inner = command.get_command(context, words[0])
        assert inner is not None, f"{line}: there is no {words[0]}"
        command, words = inner, words[1:]
    assert not isinstance(command, click.Group), f"{line} does nothing by itself"
    options = {opt for param in command.params for opt in param.opts}
    if command.name == "stop":
        options |= {"--scope", "--reason", "--all", "--root", "--json"}
    for word in words:
        assert not word.startswith("--") or word in options, f"{line}: there is no {word}"


def test_the_page_of_all_cards_is_what_the_package_holds() -> None:
    """``docs/oncall.md`` is generated; it holds every card."""
    page = Path(__file__).parents[2] / "docs" / "oncall.md"
    assert page.read_text(encoding="utf-8") == render()
    for trigger in Trigger:
        assert f"(`{trigger.value}`)" in render()
