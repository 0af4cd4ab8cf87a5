from hypothesis import given
from hypothesis import strategies as st

from peak_console.domain.artefacts import (
    HEADINGS,
    Report,
    RiskNote,
    quoted,
    render_result,
    render_risks,
    report_of,
    result_faults,
    sections,
)

WHOLE = Report("s", "i", "a", "o", "r", "n")
_TEXTS = (
    st.text(max_size=60)
    | st.text(alphabet="# `~\n-ab", max_size=40)
    | st.sampled_from([f"## {one}\nx" for one in HEADINGS])
)


def test_the_headings_are_the_runbooks() -> None:
    """Word for word as in the runbook's appendix 3."""
    assert HEADINGS == (
        "Summary",
        "Inputs",
        "Actions",
        "Outputs/Artifacts",
        "Risks & Open Questions",
        "Next Step (handoff)",
    )


def test_a_rendered_result_keeps_the_contract() -> None:
    """What is rendered is found without fault, and read back as it was."""
    text = render_result("runs/r/agent/result.md", WHOLE)
    assert text.startswith("# runs/r/agent/result.md\n")
    assert result_faults(text) == []
    assert report_of(text) == WHOLE


def test_an_empty_part_says_so() -> None:
    """Nothing to say is said, so that the contract holds."""
    text = render_result("p", Report("s", "", " \n", "o", "r", "n"))
    assert result_faults(text) == []
    assert dict(sections(text))["Inputs"] == "None."


def test_each_fault_is_named() -> None:
    """Missing, foreign, repeated, empty and misplaced headings."""
    text = render_result("p", WHOLE)
    assert result_faults("") == [f"the heading {heading!r} is missing" for heading in HEADINGS]
    assert result_faults(text.replace("## Inputs", "## Input")) == [
        "the heading 'Inputs' is missing",
        "the heading 'Input' is not of the contract",
    ]
    assert result_faults(text + "\n## Summary\nagain") == ["the heading 'Summary' stands more than once"]
    assert result_faults(text.replace("\ni\n", "\n\n")) == ["nothing stands under 'Inputs'"]
    swapped = (
        text.replace("## Inputs", "## X").replace("## Actions", "## Inputs").replace("## X", "## Actions")
    )
    assert result_faults(swapped) == ["the headings are out of order"]
    assert report_of(swapped) is None


def test_headings_in_code_are_no_headings() -> None:
    """Fenced code may show headings."""
    text = render_result("p", Report("s", "i", "```\n## Summary\n```", "o", "r", "n"))
    assert result_faults(text) == []


def test_risks_are_one_line_each() -> None:
    """A note cannot bring lines, controls or headings of its own."""
    text = render_risks("p", [RiskNote("critic", "high", "a\n## Summary\nb\x1b[2J")])
    assert text.count("\n") == 3
    assert "\x1b" not in text
    assert "None known." in render_risks("p", [])


@given(st.lists(_TEXTS, min_size=6, max_size=6))
def test_quoted_texts_never_break_the_contract(parts: list[str]) -> None:
    """Whatever a model wrote, a result made of its quoted texts has exactly the six headings."""
    assert result_faults(render_result("p", Report(*map(quoted, parts)))) == []


@given(_TEXTS)
def test_quoting_holds(text: str) -> None:
    """Quoted text has no headings, and any text gets an answer."""
    assert sections(quoted(text)) == []
    result_faults(text)
