"""The slots of a matrix's text, whole or broken; the edits that the grid makes; what an editor may hold."""

import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.config.editing.targets import target_named
from peak_console.config.prices import PricesFile, PriceTable
from peak_console.config.registry import ModelRegistry, ModelsFile
from peak_console.config.verifying import Standing
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import UsageWrong
from peak_console.operations import matrix_edits as edits
from peak_console.operations.catalogue import ModelFacts
from peak_console.operations.views.completing import suggestions
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.ledger_door import LedgerDoor
from peak_console.operations.views.live import Slot
from peak_console.operations.views.matrix import MatrixFacts, Place, SlotTraffic, joined
from peak_console.operations.views.matrix_facts import lock_facts
from peak_console.operations.views.matrix_places import places_of
from peak_console.operations.views.matrix_read import MatrixReader
from peak_console.operations.views.opened import why_not_lines

NAME = "configs/ai/layer_model_matrix.toml"
TEXT = """\
[global]
allowed_providers = ["openai"]

[L0.primary]   # the quick one
provider = "openai"
model_id = "a"

# first stand-in
[[L0.fallback]]
provider = "openai"
model_id = "b"   # cheap

# second stand-in
[[L0.fallback]]
provider = "google"
model_id = "c"
degraded = true

[L2.primary]
provider = "openai"
model_id = "d"

[L2.critic]
service = "L4"
"""
NOW = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)


def slots(text: str) -> list[tuple[str, str, int, str]]:
    """Layer, role, position and model of each slot that stands in ``text``."""
    return [
        (one.layer, one.role, one.position, one.model_id or one.service)
        for one in places_of(text, NAME)[0]
        if not one.missing
    ]


WHOLE = [
    ("L0", "primary", 0, "a"),
    ("L0", "fallback", 0, "b"),
    ("L0", "fallback", 1, "c"),
    ("L2", "primary", 0, "d"),
    ("L2", "critic", 0, "L4"),
]


def fallbacks(text: str, layer: str = "L0") -> tuple[Place, ...]:
    """The fallbacks of a layer."""
    return tuple(one for one in places_of(text, NAME)[0] if (one.layer, one.role) == (layer, "fallback"))


def test_slots_stand_in_chain_order_with_their_lines() -> None:
    """Each slot has the lines of its own table; what is absent is a row that says so."""
    places, broken = places_of(TEXT, NAME)
    assert broken == ""
    assert slots(TEXT) == WHOLE
    lines = TEXT.split("\n")
    for one in places:
        if not one.missing:
            assert lines[one.line - 1].lstrip("[").startswith(f"{one.layer}.{one.role}")
            assert one.end >= one.line
    assert [one.key for one in places if one.missing] == [("L0", "critic", 0)]


@pytest.mark.parametrize("junk", ["x = ", "[x.y", '"', "= = ="])
def test_a_broken_text_keeps_its_other_slots(junk: str) -> None:
    """A line that is no TOML hides no slot above or below it, and its line is told."""
    text = TEXT.replace("[global]\n", f"[global]\n{junk}\n", 1)
    _, broken = places_of(text, NAME)
    assert broken.startswith("line ")
    assert slots(text) == WHOLE


@given(st.text(alphabet='[]L0.primayfbck="\n# \t_odelv1,{}', max_size=120), st.integers(0, len(TEXT)))
def test_no_text_ends_the_grid(junk: str, at: int) -> None:
    """Whatever is typed into a matrix, there are rows or there are none; nothing raises."""
    places, _ = places_of(TEXT[:at] + junk + TEXT[at:], NAME)
    joined(places, None, {})


def test_a_model_changes_in_its_line_alone() -> None:
    """Comments, order and every other line stay."""
    place = fallbacks(TEXT)[0]
    changed = edits.with_model(TEXT, place, "google", "z")
    assert changed == TEXT.replace(
        'provider = "openai"\nmodel_id = "b"', 'provider = "google"\nmodel_id = "z"'
    )


def test_a_service_becomes_a_slot_of_its_own() -> None:
    """A model set where another layer serves as critic takes the service's place."""
    place = next(one for one in places_of(TEXT, NAME)[0] if one.service)
    data = tomllib.loads(edits.with_model(TEXT, place, "openai", "z"))
    assert data["L2"]["critic"] == {"provider": "openai", "model_id": "z"}


def test_fallbacks_swap_with_their_comments() -> None:
    """Moving there and back gives the very text; at the chain's end it is refused."""
    there = edits.moved(TEXT, fallbacks(TEXT), 0, 1)
    assert [one[3] for one in slots(there)][1:3] == ["c", "b"]
    assert there.index("# second stand-in") < there.index('"c"') < there.index("# first stand-in")
    assert edits.moved(there, fallbacks(there), 1, -1) == TEXT
    with pytest.raises(UsageWrong, match="no place further"):
        edits.moved(TEXT, fallbacks(TEXT), 1, 1)


def test_a_single_fallback_becomes_a_list() -> None:
    """[L0.fallback] is written as a list when a second one comes; the first and its comments stay."""
    single = TEXT.replace(
        '\n# second stand-in\n[[L0.fallback]]\nprovider = "google"\nmodel_id = "c"\ndegraded = true\n', ""
    )
    single = single.replace("[[L0.fallback]]", "[L0.fallback]")
    grown = edits.with_fallback(single, "L0", fallbacks(single), "google", "z")
    assert [one[3] for one in slots(grown)][1:3] == ["b", "z"]
    assert "# first stand-in\n[[L0.fallback]]" in grown
    none = edits.with_fallback(TEXT, "L2", (), "google", "z")
    assert [one.model_id for one in fallbacks(none, "L2")] == ["z"]


def test_a_slot_is_taken_out_and_only_one_that_stands() -> None:
    """The slot goes; what is not there is refused in words."""
    assert [one[3] for one in slots(edits.without_slot(TEXT, fallbacks(TEXT)[0]))][1:2] == ["c"]
    absent = next(one for one in places_of(TEXT, NAME)[0] if one.missing)
    with pytest.raises(UsageWrong, match="has no critic"):
        edits.without_slot(TEXT, absent)


@pytest.mark.parametrize("words", ["gpt-5", ":x", "openai:", ""])
def test_a_model_is_named_with_its_provider(words: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(UsageWrong, match="names no model"):
        edits.model_named(words)


def test_figures_are_known_or_not_never_zero_by_guess() -> None:
    """Without a ledger there is no traffic at all; with one, a slot that was not called has none."""
    places, _ = places_of(TEXT, NAME)
    silent = joined(places, MatrixFacts(NOW, Freshness(None, "away")), {}).rows[0]
    assert silent.traffic is None
    assert silent.share_pct is None
    called = {Slot("L0", "primary", "openai", "a"): SlotTraffic(30, 1.0, 2.0)}
    rows = joined(
        places, MatrixFacts(NOW, Freshness(NOW), traffic=called, lock=Standing.NO_LOCK), {6: (1, 0)}
    ).rows
    assert rows[0].share_pct == 100.0
    assert (rows[0].errors, rows[1].errors) == (1, 0)
    assert rows[1].traffic == SlotTraffic(0)
    assert rows[0].verified is Standing.NO_LOCK
    assert rows[0].score is None


def test_without_a_lock_nothing_is_verified() -> None:
    """No lock is said, and is no verdict on any slot."""
    told = lock_facts(None, ModelRegistry.of(ModelsFile(), ""), PriceTable.of(PricesFile(), ""), NOW)
    assert (told.rest, dict(told.states)) == (Standing.NO_LOCK, {})


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("", True),
        ("a\nb\n", True),
        ("a\r\nb\r\n", True),
        ("a\nb", True),
        ("a\r\nb\n", False),
        ("a # \u2028 b\n", False),
        ("a\x0cb\n", False),
    ],
)
def test_what_an_editor_of_lines_would_change_is_not_edited(text: str, fits: bool) -> None:  # noqa: FBT001 - a case
    """A text that lines cannot hold unchanged is shown and not edited."""
    assert (why_not_lines(text) == "") is fits


def facts(*names: str) -> tuple[ModelFacts, ...]:
    """A catalogue of allowed models."""
    return tuple(ModelFacts(*name.split(":"), status="allowed", why="") for name in names)


def completed(text: str, row: int, column: int, kind: str = "matrix") -> list[str]:
    """The words that may stand at a place."""
    known = facts("openai:a", "openai:b", "google:c")
    return [one.word for one in suggestions(target_named(kind), text, row, column, known)[1]]


def test_completion_goes_by_table_and_key() -> None:
    """Models of the table's provider, providers, words of a choice, and keys that do not stand there yet."""
    text = '[L0]\nsod = ""\n\n[L0.primary]\nprovider = "openai"\nmodel_id = ""\n\n'
    assert completed(text, 5, 12) == ["a", "b"]
    assert completed(text, 4, 12) == ["google", "openai"]
    assert completed(text, 1, 7) == ["model", "family", "provider"]
    assert "timeout_s" in completed(text, 6, 0)
    assert "model_id" not in completed(text, 6, 0)
    assert completed("text", 0, 0, "prompts/outlook@1") == []


def test_a_completed_line_keeps_its_comment() -> None:
    """Only the value is replaced, and the cursor stands behind it."""
    text = '[L0.primary]\nprovider = "openai"\nmodel_id = "x"   # why\n'
    one = suggestions(target_named("matrix"), text, 2, 12, facts("openai:a"))[1][0]
    assert one.line == 'model_id = "a"   # why'
    assert one.line[: one.column] == 'model_id = "a"'


def test_the_facts_of_a_workspace_without_a_ledger(tmp_path: Path) -> None:
    """Prices and ends are known from files; traffic is not, and why is told; a broken file is named."""
    ai = tmp_path / "configs" / "ai"
    ai.mkdir(parents=True)
    (ai / "prices.toml").write_text(
        '[[price]]\nprovider = "openai"\nmodel_id = "a"\n'
        "input_usd_per_mtok = 0.25\noutput_usd_per_mtok = 2.00\n"
        'source = "s"\nas_of = 2026-11-01\nvalid_from = 2026-11-01\n',
        encoding="utf-8",
    )
    (ai / "models.toml").write_text("[[model]\n", encoding="utf-8")
    ws = Workspace(tmp_path)
    known = MatrixReader(ws).read(LedgerDoor(ws.ledger), "bootstrap", NOW)
    assert known.prices["openai", "a"].output_usd == Decimal("2.00")
    assert known.freshness.as_of is None
    assert known.freshness.why
    assert "models.toml" in known.files_problem
    assert known.lock is Standing.NO_LOCK
