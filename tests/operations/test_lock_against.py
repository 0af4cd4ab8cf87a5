"""A matrix's text beside a lock: address, registry and price, slot by slot."""

import re

import pytest
from support.locks import NOW, locked

from peak_console.config.configs import Configs
from peak_console.config.defaults import demo_configs
from peak_console.config.load import load_configs
from peak_console.config.verifying import Standing
from peak_console.config.workspace import Workspace
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.operations.views.lock_against import LockAgainst, compared
from peak_console.operations.views.matrix_places import places_of

MATRIX = "configs/ai/layer_model_matrix.toml"
ROOT = demo_configs().parent


@pytest.fixture(scope="module")
def demo() -> Configs:
    """The demo's configs, with a lock of everything that its matrix uses."""
    return locked(load_configs(Workspace(ROOT), today=NOW.date()))


def against(demo: Configs, text: str) -> LockAgainst:
    """A text beside that lock."""
    places, broken = places_of(text, MATRIX)
    return compared(demo.lock, places, demo.models, demo.prices, PhaseLevel.TESTNET, NOW, broken)


def test_a_text_that_calls_as_verified_agrees(demo: Configs) -> None:
    """Every slot stands as the lock has it, and nothing of the lock is left over."""
    found = against(demo, (ROOT / MATRIX).read_text(encoding="utf-8"))
    assert found.slots
    assert (found.differing, found.unused, found.broken) == ((), (), "")


@pytest.mark.parametrize("end", ["", "\nbroken = ["])
def test_another_address_is_not_what_was_verified(demo: Configs, end: str) -> None:
    """The slot whose address the text changes has changed, and both addresses are told; broken TOML too."""
    text = (ROOT / MATRIX).read_text(encoding="utf-8")
    bare = re.sub(r"(?m)^base_url.*\n", "", text)
    line = 'base_url = "https://elsewhere.example/v1"'
    found = against(demo, bare.replace("[L0.primary]", f"[L0.primary]\n{line}") + end)
    slot = next(one for one in found.slots if one.slot == "L0.primary")
    assert (slot.standing, slot.enough) == (Standing.CHANGED, False)
    assert any("→ https://elsewhere.example/v1" in one for one in slot.changes)
    assert bool(found.broken) is bool(end)
