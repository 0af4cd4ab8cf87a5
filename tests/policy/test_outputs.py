"""Forbidden types of output are found in answers, however they are written, and in bounded time."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from output_texts import PLAIN_WORK, TOLD

from peak_console.policy.output_types import CHECKS, DETECTED, bare, forbidden_by, known_as
from peak_console.policy.outputs import LIMIT, forbidden_outputs

ORDER = {"side": "buy", "qty": 1, "symbol": "EURUSD"}
_ESCAPED = json.dumps(json.dumps(ORDER))

HELD = [
    ("OrderParameters", json.dumps(ORDER)),
    ("OrderParameters", f"Here it is:\n```json\n{json.dumps(ORDER, indent=2)}\n```"),
    ("OrderParameters", _ESCAPED),
    ("OrderParameters", json.dumps({"text": _ESCAPED})),
    ("OrderParameters", str(ORDER)),
    ("OrderParameters", '{"\\u0073ide": "buy", "qty": 1, "symbol": "X"}'),
    ("OrderParameters", "{&quot;side&quot;: &quot;sell&quot;, &quot;amount&quot;: 2, &quot;ticker&quot;: 1}"),
    ("OrderParameters", '{"\u0455ide": "buy", "q\u200bty": 1, "\uff53\uff59\uff4d\uff42\uff4f\uff4c": "X"}'),
    ("OrderParameters", '{"symbol": "X", "order": {"direction": "long", "quantity": 3}}'),
    ("OrderParameters", "symbol: EURUSD\nside: long\nquantity: 3\nprice: 1.1"),
    ("OrderParameters", "| symbol | side | size |\n|---|---|---|\n| EURUSD | buy | 1 |"),
    ("OrderParameters", "symbol,side,qty,price\nEURUSD,buy,1,1.1"),
    ("OrderParameters", '{"symbol": "X", "side": "buy", "qty": 1'),
    ("OrderParameters", '{"type": "order_parameters"}'),
    ("ExecutionCommand", "exchange.create_order('EURUSD')"),
    ("ExecutionCommand", "POST https://broker.example/v1/orders"),
    ("ExecutionCommand", '{"action": "place_order"}'),
    ("RiskLimitChange", '{"limit": "max_drawdown", "old": 5, "new": 10}'),
    ("RiskLimitChange", '{"parameter": "risk.max_leverage", "value": 3}'),
    ("LiveToggle", "live_trading = true"),
    ("LiveToggle", '{"dry_run": false}'),
    ("LiveToggle", "mode: live"),
    ("PortfolioRebalance", '{"target_weights": {"EURUSD": 0.4}}'),
    ("UnlockCommand", '{"unlock": true}'),
    ("GoApproval", "approved: yes"),
    ("ConfigChange", "+++ b/configs/risk/limits.toml"),
    ("Code", "```python\nprint(1)\n```"),
    ("Code", "def place():\n    return 1"),
    ("Secrets", "the key is sk-abcdefghijklmnopqrstuvwx1234"),
]


@pytest.mark.parametrize(("kind", "text"), HELD + TOLD)
def test_a_forbidden_type_is_found(kind: str, text: str) -> None:
    """Each type is found by what stands in the answer, in every format and under every disguise."""
    assert [one.type for one in forbidden_outputs(text, [kind])] == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "EUR/USD ranges between 1.08 and 1.10; the side of the market is unclear and volume is low.",
        "No OrderParameters are given, and no execution is proposed.",
        "Scenario: base\nProbability: 55\nRationale: the range held.",
        '{"scenario": "base", "symbol": "EURUSD", "rationale": "quantity of evidence is small"}',
        "max_drawdown: 5\nmax_leverage: 2",
        "Phase: research, no orders. Position: flat.",
        "| hour | open | high | low | close | volume |\n|---|---|---|---|---|---|",
        "live: no\ndry_run: true\nmode: paper",
        *PLAIN_WORK,
    ],
)
def test_plain_work_is_left_alone(text: str) -> None:
    """Prose about the market, scenarios and limits in force hold nothing that is forbidden."""
    assert forbidden_outputs(text, DETECTED) == ()


@pytest.mark.parametrize(
    "text", ['{"type": "Foo_Report"}', "FooReport(1)", "<fooReports>", "## Foo Report", "{FooReport: 1}"]
)
def test_an_unknown_type_is_found_where_it_is_declared(text: str) -> None:
    """A type without a detector is known by its name: as a value, a construct, a heading or a key."""
    assert [one.type for one in forbidden_outputs(text, ["FooReport"])] == ["FooReport"]
    assert forbidden_outputs("a foo report was not asked for", ["FooReport"]) == ()


def test_what_is_in_neither_list_is_forbidden() -> None:
    """A text that says what it is must be of an allowed type; ``type`` of something else says nothing."""
    found = forbidden_outputs('{"output_type": "Poem"}', ["OrderParameters"], allowed=["RiskContext"])
    assert [one.type for one in found] == ["Poem"]
    assert forbidden_outputs('{"output_type": "risk_context"}', [], allowed=["RiskContext"]) == ()
    assert forbidden_outputs('{"type": "bullet"}', [], allowed=["RiskContext"]) == ()


def test_forbidden_wins_over_allowed_outputs() -> None:
    """A type of both lists is forbidden."""
    text = '{"output_type": "LiveToggle"}'
    found = forbidden_outputs(text, ["LiveToggle"], allowed=["LiveToggle"])
    assert [one.type for one in found] == ["LiveToggle"]


def test_the_place_is_told() -> None:
    """A finding says on which line it stands, and how it is known."""
    (found,) = forbidden_outputs("a\n\nb\nlive_trading: true", ["LiveToggle"])
    assert (found.line, found.how) == (4, "the keys that stand together")


def test_what_is_too_long_is_not_passed() -> None:
    """A text beyond the limit is not judged, and counts as holding everything."""
    found = forbidden_outputs("x" * (LIMIT + 1), ["LiveToggle", "Code"])
    assert [one.type for one in found] == ["Code", "LiveToggle"]
    assert "not judged" in found[0].how


@given(st.text(max_size=300))
def test_any_text_is_judged(text: str) -> None:
    """No text makes it raise, and the same text is always judged alike."""
    found = forbidden_outputs(text, DETECTED, allowed=["RiskContext"])
    assert found == forbidden_outputs(text, DETECTED, allowed=["RiskContext"])


@given(before=st.text(max_size=100), after=st.text(max_size=100))
def test_an_order_is_found_within_any_text(before: str, after: str) -> None:
    """What stands around an object of its own paragraph does not hide it."""
    text = f"{before}\n\n{json.dumps(ORDER)}\n\n{after}"
    assert "OrderParameters" in {one.type for one in forbidden_outputs(text, ["OrderParameters"])}


@pytest.mark.parametrize(
    "seed",
    [
        *("{", "}", '"\\', "a b c ", "|", "a|", "a,", "a:b\n", "\\u005c", "# a b\n", "&amp;", " "),
        *("buy 1 A ", "if x, buy 1 ES was ", "raise the max risk limit ", "symbol A ", "55=A|", "<a>"),
        *(
            "a: b\n\n",
            "set ai_armed ",
            "peak enable ",
            "buy the the ",
            "e.g. buy 1 ES ",
            "place a b c order ",
        ),
    ],
)
def test_hostile_text_is_judged_in_bounded_time(seed: str) -> None:
    """Text made to be slow costs its length, no more."""
    text = seed * (60_000 // len(seed))
    start = time.process_time()
    forbidden_outputs(text, DETECTED, allowed=["RiskContext"])
    assert time.process_time() - start < 2


def test_names_of_types_and_checks_are_one_spelling() -> None:
    """Camel case, underscores and plural are one name; every known check means a type that is found."""
    assert bare("Order_Parameters") == bare("orderParameter")
    assert known_as("ready_to_send_orders") == "OrderParameters"
    assert known_as("RunbookPatch") is None
    assert forbidden_by("no_order_parameters_in_output") == "OrderParameters"
    assert forbidden_by("citations_present") is None
    assert set(CHECKS.values()) <= set(DETECTED)
