"""Which tools a scope permits, and where its web tool may go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.domain.vocabulary import Layer
from peak_console.policy.log_fields import LOG_FIELDS, Known, demanded, empty_after, empty_before
from peak_console.policy.scopes import (
    Autonomy,
    ScopeRules,
    Tool,
    covers,
    granted,
    judge_tools,
    kind_of_hosted,
    lowest,
    narrowed,
)

KINDS = st.sets(st.sampled_from(Tool))
NAMES = st.lists(st.sampled_from(["quote", "browse", "run", "unnamed"]), unique=True)
HOSTED = st.lists(st.sampled_from(["web_search", "code_interpreter", "file_search", "mcp"]), unique=True)
DECLARED = {"quote": Tool.FILES, "browse": Tool.WEB, "run": Tool.SHELL}


def rules(**changes: object) -> ScopeRules:
    """A scope of L2 with these changes."""
    return ScopeRules(**{"layer": Layer.L2, "autonomy": Autonomy.PROPOSE, **changes})  # type: ignore[arg-type]


@given(allowed=KINDS, forbidden=KINDS)
def test_forbidden_wins(allowed: set[Tool], forbidden: set[Tool]) -> None:
    """No kind that is forbidden is ever granted, none that is not allowed, and none leaves nothing."""
    found = granted(allowed, forbidden)
    assert not found & forbidden
    assert found <= allowed - {Tool.NONE}
    if Tool.NONE in allowed:
        assert not found


@given(allowed=KINDS, forbidden=KINDS, functions=NAMES, hosted=HOSTED)
def test_every_tool_is_within_or_outside(
    allowed: set[Tool], forbidden: set[Tool], functions: list[str], hosted: list[str]
) -> None:
    """A tool passes exactly where its kind is known and granted; each other one is told with its reason."""
    tools = granted(allowed, forbidden)
    found = judge_tools(rules(tools=tools, kinds=DECLARED), functions, hosted)
    assert set(found.functions) == {name for name in functions if DECLARED.get(name) in tools}
    assert set(found.hosted) == {name for name in hosted if kind_of_hosted(name) in tools}
    assert set(found.outside) == {*functions, *hosted} - {*found.functions, *found.hosted}
    assert all(name in found.told for name in found.outside)


def test_without_a_scope_no_tool_passes() -> None:
    """A layer without a scope has no tools at all."""
    found = judge_tools(None, ["quote"], ["web_search"])
    assert (found.functions, found.hosted) == ((), ())
    assert set(found.outside) == {"quote", "web_search"}


def test_a_name_says_no_less_than_what_is_run() -> None:
    """A hosted tool named as harmless is outside where its provider's type is another kind."""
    scope = rules(tools=frozenset({Tool.FILES}))
    assert judge_tools(scope, [], ["file_search"]).hosted == ("file_search",)
    assert judge_tools(scope, [], ["file_search"], wires={"file_search": {"web_search"}}).hosted == ()
    assert judge_tools(scope, [], ["file_search"], wires={"file_search": {"strange"}}).hosted == ()


@pytest.mark.parametrize(
    ("wide", "narrow", "within"),
    [
        ("arxiv.org", "arxiv.org", True),
        ("*.arxiv.org", "arxiv.org", True),
        ("*.arxiv.org", "EXPORT.arxiv.org", True),
        ("*.arxiv.org", "*.export.arxiv.org", True),
        ("*.arxiv.org", "evilarxiv.org", False),
        ("arxiv.org", "export.arxiv.org", False),
        ("arxiv.org", "*.arxiv.org", False),
        ("*.export.arxiv.org", "*.arxiv.org", False),
    ],
)
def test_domains_hold_what_lies_below(wide: str, narrow: str, *, within: bool) -> None:
    """``*.`` takes in a domain and what lies below it; a suffix that is no label does not count."""
    assert covers(wide, narrow) is within


def test_a_caller_can_only_narrow_the_domains() -> None:
    """What a caller names beyond the scope falls away; where nothing is left there is no tool."""
    assert narrowed((), ("*.arxiv.org",)) == ("*.arxiv.org",)
    assert narrowed(("a.arxiv.org", "evil.example"), ("*.arxiv.org",)) == ("a.arxiv.org",)
    assert narrowed(("evil.example",), ("*.arxiv.org",)) is None
    assert narrowed(("a.example",), ()) == ("a.example",)


def test_hosted_tools_are_known_by_dated_names_too() -> None:
    """A dated type is of its undated kind; a strange one is of none."""
    assert kind_of_hosted("web_search_preview_2025_03_11") is Tool.WEB
    assert kind_of_hosted("web_search_2025_08_26") is Tool.WEB
    assert kind_of_hosted("mcp") is None


@pytest.mark.parametrize(("text", "level"), [("RO/REC", "RO"), ("REC/PROP", "REC"), ("EXEC", "EXEC")])
def test_of_several_levels_the_lowest_holds(text: str, level: str) -> None:
    """A composite level of autonomy reads as the lower one."""
    assert lowest(text).value == level


def test_log_fields_are_judged_when_they_are_known() -> None:
    """Words of a call before it is sent, words of an answer after; a placeholder counts as empty."""
    fields = ("run_id", "prompt_version", "purpose", "served_model", "no_such")
    before = demanded(fields, Known.BEFORE)
    assert before == ("prompt_version", "purpose")
    assert empty_before(before, {"prompt_version": "0", "purpose": "outlook"}) == ("prompt_version",)
    assert empty_before(before, {"prompt_version": "2", "purpose": " "}) == ("purpose",)
    after = demanded(fields, Known.AFTER)
    assert empty_after(after, {"served_model": None}) == ("served_model",)
    assert empty_after(after, {"served_model": "m"}) == ()
    assert LOG_FIELDS["timestamp_utc"].where == "every event: ts"
