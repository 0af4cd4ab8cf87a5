"""The output contract of a run's artefacts: ``result.md`` with six headings, ``risks.md``. Pure.

The headings are those of the runbook's appendix 3. Texts that come from models are put in with
:func:`quoted`, so that they can neither break the headings nor hide characters.
"""

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Final

from peak_console.domain.text import one_line, plain

HEADINGS: Final = (
    "Summary",
    "Inputs",
    "Actions",
    "Outputs/Artifacts",
    "Risks & Open Questions",
    "Next Step (handoff)",
)
"""The six headings, in order."""

_HEADING: Final = re.compile(r" {0,3}##(?:[ \t]+(.*))?")
_FENCE: Final = re.compile(r" {0,3}(```|~~~)")
_BREAKS: Final = re.compile(r"^( {0,3})(#{1,6}(?=\s|$)|```|~~~)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Report:
    """What stands under the six headings; none of them may be empty."""

    summary: str
    inputs: str
    actions: str
    outputs: str
    risks: str
    next_step: str


@dataclass(frozen=True, slots=True)
class RiskNote:
    """One line of ``risks.md``: where it comes from, how grave it is, what it says."""

    source: str
    severity: str
    text: str


def render_result(path: str, report: Report) -> str:
    """``result.md`` at ``path``; a part that says nothing reads "None."."""
    parts = [f"# {one_line(path)}"]
    for heading, text in zip(HEADINGS, astuple(report), strict=True):
        parts.append(f"## {heading}\n\n{text.strip() or 'None.'}")
    return "\n\n".join(parts) + "\n"


def render_risks(path: str, notes: Sequence[RiskNote]) -> str:
    """``risks.md`` at ``path``: one bullet a note, gravest as given; ``None known.`` where there are none."""
    lines = [
        f"- **{one_line(one.severity)}** ({one_line(one.source)}): {one_line(one.text, 2000)}"
        for one in notes
    ]
    return f"# {one_line(path)}\n\n" + ("\n".join(lines) or "None known.") + "\n"


def sections(text: str) -> list[tuple[str, str]]:
    """The level-two headings of a Markdown text with what stands under each; fenced code is no heading."""
    found: list[tuple[str, list[str]]] = []
    fence = ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if mark is not None and fence in {"", mark[1]}:
            fence = "" if fence else mark[1]
        heading = None if fence else _HEADING.fullmatch(line)
        if heading is not None:
            found.append(((heading[1] or "").rstrip("# \t"), []))
        elif found:
            found[-1][1].append(line)
    return [(heading, "\n".join(lines).strip()) for heading, lines in found]


def result_faults(text: str) -> list[str]:
    """Why ``text`` does not keep the contract; empty when it does. Headings must match word for word."""
    found = sections(text)
    names = [heading for heading, _ in found]
    faults = [f"the heading {heading!r} is missing" for heading in HEADINGS if heading not in names]
    faults += [
        f"the heading {one_line(name, 60)!r} is not of the contract" for name in names if name not in HEADINGS
    ]
    known = [name for name in names if name in HEADINGS]
    faults += [f"the heading {name!r} stands more than once" for name in HEADINGS if known.count(name) > 1]
    if not faults and known != list(HEADINGS):
        faults.append("the headings are out of order")
    faults += [
        f"nothing stands under {heading!r}" for heading, body in found if heading in HEADINGS and not body
    ]
    return faults


def report_of(text: str) -> Report | None:
    """The report in a text that keeps the contract, else ``None``."""
    if result_faults(text):
        return None
    return Report(*(quoted(body) for _, body in sections(text)))


def quoted(untrusted: str) -> str:
    """Foreign text that can stand under a heading: controls made visible, headings and fences disarmed."""
    return _BREAKS.sub(r"\1\\\2", plain(untrusted)).strip()
