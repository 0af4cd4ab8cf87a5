"""A route as text: nothing that explains is cut, amounts are rounded, waiting candidates have an estimate."""

from dataclasses import replace

import pytest
from console_scenes import NOW
from rich.cells import cell_len

from peak_console.operations.views.breakers import BreakerLine, BreakerState
from peak_console.operations.views.call_detail import CallDetail, HopFacts, RouteStep
from peak_console.operations.views.calls import CallLine
from peak_console.tui.ink import text_of
from peak_console.tui.screens.call_drawing import call_lines
from peak_console.tui.screens.route_drawing import route_lines

LONG = "the request holds " + "many more tokens than " * 8 + "the context of this model"
ROUTE = (
    RouteStep(0, "openai", "gpt-5.2", "primary", admitted=True, bound=797_300),
    RouteStep(1, "google", "gemini-2.5-pro", "fallback", admitted=True, estimate=912_345),
    RouteStep(
        2,
        "azure",
        "gpt-5.2",
        "fallback",
        admitted=False,
        reason="too_long",
        detail=LONG,
        remedy="ask for less",
    ),
)
CALL = CallDetail("call_1", layer="L2", route=ROUTE, run_id="run_1")


def drawn(width: int) -> str:
    """The route as one text, without line breaks and the blanks around them."""
    lines = [text_of(line) for line in route_lines(CALL, width, NOW)]
    assert all(cell_len(line) <= width for line in lines)
    return " ".join(" ".join(lines).split())


@pytest.mark.parametrize("width", [80, 120])
def test_what_explains_is_whole_and_amounts_are_rounded(width: int) -> None:
    """A long detail goes on below itself, the remedy stands with it, no amount ends in dots."""
    text = drawn(width)
    assert LONG in text
    assert "do: ask for less" in text
    assert "0.00080" in text
    assert "≈ 0.00091" in text
    assert "0.…" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_a_failed_hops_detail_is_whole(width: int) -> None:
    """It stands beside the outcome where it fits, else below."""
    line = CallLine(
        9, NOW, "call_1", "r", "L2", "primary", "openai", "gpt-5.2", "failed", "bad_request", hop=1
    )
    call = replace(CALL, hops=(HopFacts(line, detail=LONG),))
    lines = [text_of(one) for one in call_lines(call, width, NOW)]
    assert LONG in " ".join(" ".join(lines).split())
    assert all(cell_len(one) <= width for one in lines)


def test_a_page_without_keys_names_none() -> None:
    """What the command line prints of a call speaks of no key of the console."""
    told, bare = ("\n".join(map(text_of, call_lines(CALL, 80, NOW, keys=keys))) for keys in (True, False))
    assert "R lists its calls" in told
    assert "R lists" not in bare


def test_a_latched_breaker_stands_on_the_page_with_its_reset() -> None:
    """Though the candidate was admitted then, nobody goes there now."""
    latched = BreakerLine(
        "openai", "gpt-5.2", BreakerState.OPEN, reason="bill_above_bound", kind="budget", latched=True
    )
    call = replace(CALL, breakers=(latched,))
    text = " ".join(" ".join(text_of(line) for line in route_lines(call, 120, NOW)).split())
    assert "latched (bill above its bound): peak breaker reset budget openai:gpt-5.2" in text
