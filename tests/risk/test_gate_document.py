from decimal import Decimal
from typing import Any

import pytest
from risk.gate_cases import BASE, document, varied

from peak_console.domain.trading import OrderType, Side
from peak_console.risk.document import Unreadable, inputs_from, is_written_by_the_gate

D = Decimal


def read(part: str, name: str, value: Any) -> Any:
    """What is read where a document holds ``value``."""
    written = document(BASE)
    written[part] = written[part] | {name: value}
    return getattr(getattr(inputs_from(written), part), name)


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("venue", "x" * 100, "x" * 100),
        ("venue", "x" * 101, {"unreadable": "str"}),
        ("venue", "caf\u00e9", {"unreadable": "str"}),
        ("venue", "a\nb", {"unreadable": "str"}),
        ("venue", "\ud800", {"unreadable": "str"}),
        ("venue", 7, {"unreadable": "int"}),
        ("side", Side.SELL, "sell"),
        ("order_type", "stop", "stop"),
        ("quantity", D("1" * 61), {"unreadable": "Decimal"}),
        ("quantity", D("1E+10000"), {"unreadable": "Decimal"}),
        ("quantity", D("-Infinity"), "-Infinity"),
        ("quantity", None, None),
        ("quantity", 5, {"unreadable": "int"}),
        ("reduce_only", 1, {"unreadable": "int"}),
        ("reduce_only", None, {"unreadable": "NoneType"}),
        ("reduce_only", type("no word!", (), {})(), {"unreadable": "value"}),
        ("reduce_only", Unreadable("float"), {"unreadable": "float"}),
    ],
)
def test_a_value_is_written_as_this(name: str, value: Any, written: Any) -> None:
    """What fits stands as it is, what does not as its type; both are read back and written the same again."""
    made = document(varied(intent={name: value}))
    assert made["intent"][name] == written
    assert is_written_by_the_gate(made, inputs_from(made))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("1.50", D("1.5")),
        ("NaN", None),
        (None, None),
        ("1.2.3", Unreadable("str")),
        ("1_000", Unreadable("str")),
        ("\u0661", Unreadable("str")),
        ("+1", Unreadable("str")),
        ("", Unreadable("str")),
        (1.5, Unreadable("float")),
        ({"unreadable": "float"}, Unreadable("float")),
        ({"unreadable": "a; b"}, Unreadable("dict")),
        ({"unreadable": 7}, Unreadable("dict")),
        ({"unreadable": "float", "more": 1}, Unreadable("dict")),
        ({}, Unreadable("dict")),
        ([], Unreadable("list")),
    ],
)
def test_a_number_is_read_as_this(value: Any, found: Any) -> None:
    """No text but a plain decimal is a number; what cannot be read keeps what it was."""
    again = read("intent", "quantity", value)
    assert again.is_nan() if value == "NaN" else again == found


@pytest.mark.parametrize(
    ("part", "name", "value", "found"),
    [
        ("intent", "side", "buy", Side.BUY),
        ("intent", "side", "BUY", "BUY"),
        ("intent", "side", ["buy"], Unreadable("list")),
        ("intent", "order_type", "limit", OrderType.LIMIT),
        ("intent", "venue", "x" * 101, Unreadable("str")),
        ("intent", "venue", "caf\u00e9", Unreadable("str")),
        ("posture", "calls", 1, Unreadable("int")),
        ("limits", "max_open_orders", 2**53, Unreadable("int")),
        ("limits", "max_open_orders", None, None),
        ("market", "now_us", None, Unreadable("NoneType")),
        ("market", "now_us", True, Unreadable("bool")),
        ("market", "quotes", [["EUR/USD"]], Unreadable("list")),
        ("market", "quotes", [["EUR/USD", {}, 1]], Unreadable("list")),
        ("market", "quotes", {}, Unreadable("dict")),
        ("market", "quotes", [], {}),
        ("portfolio", "positions", [7], (Unreadable("int"),)),
        ("portfolio", "positions", {}, Unreadable("dict")),
    ],
)
def test_other_values_are_read_as_this(part: str, name: str, value: Any, found: Any) -> None:
    """Words, flags, counts, times, lists and quotes: each of its type, or unreadable."""
    again = read(part, name, value)
    assert again == found
    assert type(again) is type(found)


def test_a_missing_key_is_unreadable() -> None:
    """It is not taken for its default."""
    written = document(BASE)
    written["posture"] = {name: said for name, said in written["posture"].items() if name != "reduce"}
    del written["limits"]
    again = inputs_from(written)
    assert again.posture.reduce == Unreadable("missing")
    assert again.limits == Unreadable("missing")
    assert not is_written_by_the_gate(written, again)
