"""What the workspace tells of each model, and how its names are found."""

from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.config.editing.targets import target_named
from peak_console.config.matrix import ChainEntry
from peak_console.config.sources import read_sources
from peak_console.config.verifying import Standing
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import UsageWrong
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.operations.catalogue import ModelFacts, catalogue, facts_of, find_model, suggest
from peak_console.operations.shapes import SHAPES
from peak_console.operations.workbench.sides import Side, side_of, standing
from peak_console.operations.workbench.traffic import NO_TRAFFIC, Seen, Traffic
from peak_console.stats.sketch import QuantileSketch

ROOT = Path(__file__).resolve().parents[2]
SOURCES = read_sources(ROOT)
TODAY = date(2026, 11, 22)
SEEN = Seen(7, 100, 0, 50, 10, QuantileSketch.of([2_000_000.0] * 7))


def shipped() -> Side:
    """The shipped configs."""
    return standing(SOURCES, phase=PhaseLevel.RESEARCH, today=TODAY)


def _standing(_: Side, one: ChainEntry) -> Standing:
    return Standing.VERIFIED if one.role == "critic" else Standing.ATTESTED


def told(side: Side | None = None, traffic: Traffic = NO_TRAFFIC) -> dict[str, ModelFacts]:
    """The catalogue by name; critics stand on an eval, everything else on a word."""
    facts = facts_of(side or shipped(), traffic, _standing)
    return {one.name: one for one in facts}


FACTS = tuple(told().values())


def test_a_model_is_told_from_registry_prices_matrix_and_lock() -> None:
    """Limits, price with source, end, successor, slots and what of them is verified stand in one row."""
    one = told()["openai:gpt-5-mini"]
    assert (one.status, one.days_left, one.successor) == ("retiring", 19, "openai:gpt-6.1-terra")
    assert one.used_in == ("L0.critic", "L2.primary")
    assert one.standing == (("L0.critic", "verified"), ("L2.primary", "attested"))
    assert one.verified_in == ("L0.critic",)
    assert one.price is not None
    assert one.price.source.startswith("genai-prices")
    assert one.modalities == ("text", "image")
    assert (one.calls, one.p95_ms, one.span) == (0, None, "")


def test_latency_is_of_the_last_day_or_says_all_time_or_nothing() -> None:
    """What was seen today stands for itself; else what was ever seen, and a model never called has none."""
    slot = ("L2", "primary", "openai", "gpt-5-mini")
    ever = {("openai", "gpt-5-mini"): SEEN, ("openai", "gpt-5"): SEEN, ("acme", "gone"): SEEN}
    seen = told(traffic=Traffic(MappingProxyType({slot: SEEN}), MappingProxyType(ever), 86_400.0))
    assert (seen["openai:gpt-5-mini"].span, seen["openai:gpt-5"].span) == ("24 h", "all time")
    assert seen["openai:gpt-5-mini"].p95_ms == pytest.approx(2000, rel=0.02)
    assert seen["openai:gpt-5.1"].p95_ms is None
    assert seen["acme:gone"].status == "denied"


def test_every_reason_not_to_use_a_model_is_a_status() -> None:
    """Shut down, refused, denied by the code's own deny, and unregistered are told apart."""
    text = SOURCES.main["models"].text.replace("\nallowed = true", "\nallowed = false", 1)
    denied = text + (
        '\n[[model]]\nprovider = "openai"\nmodel_id = "not-claude"\nfamily = "x"\nallowed = true\n'
        'endpoint = "chat"\ncontext_tokens = 10\nmax_output_tokens = 10\n'
    )
    target = target_named("models")
    rows = told(side_of(SOURCES, target, denied, phase=PhaseLevel.RESEARCH, today=TODAY))
    assert rows["openai:gpt-5-nano"].status == "refused"
    assert rows["openai:not-claude"].status == "denied"
    assert rows["openai:o3-deep-research"].status == "shut down"
    assert told()["google:gemini-2.5-flash-lite"].status == "allowed"
    none = told(side_of(SOURCES, target, "", phase=PhaseLevel.RESEARCH, today=TODAY))
    assert none["openai:gpt-5.2"].status == "not registered"


@pytest.mark.parametrize(
    ("word", "first"),
    [
        ("openai:gpt-5-mini", "openai:gpt-5-mini"),
        ("gpt-5.2-p", "openai:gpt-5.2-pro"),
        ("GPT5mini", "openai:gpt-5-mini"),
        ("google:gemini-2.5-flash-l", "google:gemini-2.5-flash-lite"),
        ("gemni-3.8-flash", "google:gemini-3.8-flash"),
    ],
)
def test_a_word_finds_the_model_that_is_meant(word: str, first: str) -> None:
    """Exact, begun, misspelt: what was meant comes first (Azure's twin of a model aside)."""
    assert first in [one for one in suggest(FACTS, word) if not one.startswith("azure")][:1]


def test_what_may_not_be_used_is_not_suggested() -> None:
    """A model past its end is no completion, though it can be looked up."""
    assert "openai:o3-deep-research" not in suggest(FACTS, "o3-deep")
    assert "openai:o3-deep-research" in suggest(FACTS, "o3-deep", unusable=True)
    assert find_model(FACTS, "o3-deep-research").status == "shut down"


@given(st.text(max_size=300))
def test_any_word_may_be_typed(word: str) -> None:
    """Suggestions are names of the catalogue, each once, whatever is typed."""
    found = suggest(FACTS, word)
    assert len(set(found)) == len(found)
    assert set(found) <= {one.name for one in FACTS}


def test_an_unknown_name_is_answered_with_what_may_be_meant() -> None:
    """Misspelt and ambiguous names are refused with names that exist."""
    with pytest.raises(UsageWrong) as unknown:
        find_model(FACTS, "openai:gpt5-mini-x")
    assert unknown.value.code == "model_unknown"
    assert "openai:gpt-5-mini" in unknown.value.remedy
    with pytest.raises(UsageWrong) as several:
        find_model(FACTS, "gpt-5-mini")
    assert several.value.code == "model_ambiguous"


def test_the_catalogue_of_a_workspace_has_the_shape_it_promises(tmp_path: Path) -> None:
    """Read from disk without a ledger; of an empty folder it is empty, not an error."""
    found = catalogue(Workspace(ROOT), datetime(2026, 11, 22, 12, tzinfo=UTC))
    SHAPES["models-list"].model_validate({"models": [one.as_dict() for one in found]})
    assert len(found) >= len(list(shipped().models))
    assert catalogue(Workspace(tmp_path), datetime(2026, 11, 22, tzinfo=UTC)) == ()
