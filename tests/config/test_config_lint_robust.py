"""Lint on hostile input: it never raises, and nothing forbidden ever gets through.

A few examples each; the long campaign, ten thousand mutations, is `benchmarks/lint.py`.
"""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peak_console.config.assembly import assemble
from peak_console.config.document import parse_document
from peak_console.config.editing.applying import apply_changes
from peak_console.config.editing.changes import Change
from peak_console.config.editing.intending import same
from peak_console.config.lint import CATALOGUE, inspect
from peak_console.config.lint.formats import as_github, as_json, as_text
from peak_console.config.sources import Sources, read_sources
from peak_console.domain.errors import CallRefused, ConfigInvalid, UsageWrong
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role
from peak_console.policy.deny import hard_deny

TODAY = date(2026, 11, 22)
SHIPPED = Path(__file__).parents[2]
SOURCES = read_sources(SHIPPED)
FILES = {kind: document.text for kind, document in SOURCES.main.items()}
FORBIDDEN = [
    "claude-3",
    "CLAUDE",
    "cl\u0430ude-3",
    "eu.anthropic.x-v1:0",
    "c-l-a-u-d-e",
    "anthropic/x",
    "%63laude",
]
SNIPPETS = [
    "[L5.primary]\n",
    "[[L0.fallback]]\n",
    "[L0.critic]\nservice = 'L0'\n",
    "= ",
    '"',
    "'''",
    "[",
    "]]",
    "{",
    "}",
    "nan",
    "inf",
    "-0.0",
    "1e400",
    "1e999999",
    "99999999999999999999",
    "1979-05-27T07:32:00Z",
    "true",
    "\\u0000",
    "\x00",
    "\ufeff",
    "\u202e",
    "provider = 'anthropic'\n",
    "model_id = 'claude-3'\n",
    "degraded = true\n",
    "a.b.c = 1\n",
    "# ",
    "\n",
    "\r",
    "\r\n",
    "global = 1\n",
    "L0 = []\n",
    "L1.primary = 3\n",
    "model = 5\n",
    "price = [[]]\n",
    "run = []\n",
]


def sources(kind: str, raw: bytes) -> Sources:
    """The shipped files with one of them replaced."""
    main = {**SOURCES.main, kind: parse_document(raw, SOURCES.main[kind].name)}
    return Sources(main, SOURCES.prompts)


def mutated(draw: st.DrawFn, text: str) -> bytes:
    """A few cuts, insertions, swaps and changed bytes."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        kind = draw(st.integers(0, 4))
        if kind == 0:
            text = text[:at] + draw(st.sampled_from(SNIPPETS)) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + draw(st.integers(1, 60)) :]
        elif kind == 2:
            lines = text.split("\n")
            one, two = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
            lines[one], lines[two] = lines[two], lines[one]
            text = "\n".join(lines)
        elif kind == 3:
            lines = text.split("\n")
            one = draw(st.integers(0, len(lines) - 1))
            name, equals, _ = lines[one].partition("=")
            if equals:
                lines[one] = f"{name}= {draw(st.sampled_from(SNIPPETS))}"
            text = "\n".join(lines)
        else:
            raw = bytearray(text.encode("utf-8", "surrogateescape"))
            if raw:
                raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
            text = raw.decode("utf-8", "surrogateescape")
    return text.encode("utf-8", "surrogateescape")


@st.composite
def broken_configs(draw: st.DrawFn) -> tuple[str, bytes]:
    """A shipped file, mutated."""
    kind = draw(st.sampled_from(sorted(FILES)))
    return kind, mutated(draw, FILES[kind])


@st.composite
def forbidden_matrices(draw: st.DrawFn) -> bytes:
    """The shipped matrix with a forbidden name planted, then mutated."""
    text = FILES["matrix"]
    lines = text.split("\n")
    slots = [number for number, line in enumerate(lines) if line.startswith(("model_id", "provider"))]
    at = draw(st.sampled_from(slots))
    lines[at] = f"{lines[at].partition('=')[0]}= {draw(st.sampled_from(FORBIDDEN))!r}"
    text = "\n".join(lines)
    return mutated(draw, text) if draw(st.booleans()) else text.encode()


QUIET = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUIET
@given(broken_configs(), st.sampled_from(list(PhaseLevel)))
def test_a_mutated_config_never_raises(case: tuple[str, bytes], phase: PhaseLevel) -> None:
    """Findings come sorted, with known rules, places in the file, and every format can write them."""
    report = inspect(sources(*case), phase=phase, today=TODAY)
    findings = report.findings
    assert findings == sorted(findings, key=lambda finding: finding.order)
    assert all(one.rule in CATALOGUE and one.line >= 1 and one.column >= 1 for one in findings)
    assert as_text(findings)
    assert as_json(findings)
    assert as_github(findings)


@QUIET
@given(forbidden_matrices())
def test_a_forbidden_model_never_gets_through(raw: bytes) -> None:
    """Whatever else happens to the file: it does not load, or it holds nothing forbidden any more."""
    read = sources("matrix", raw)
    try:
        configs = assemble(read, inspect(read, phase=PhaseLevel.RESEARCH, today=TODAY))
    except ConfigInvalid:
        return
    for layer in Layer:
        for role in Role:
            try:
                chain = configs.matrix.chain(layer, role)
            except CallRefused:
                continue
            for entry in chain:
                assert hard_deny(provider=entry.provider, model_id=entry.model_id) is None


@QUIET
@given(broken_configs(), st.integers(0, 9))
def test_a_change_by_key_in_a_mutated_config_changes_nothing_else(
    case: tuple[str, bytes], value: int
) -> None:
    """Whatever still parses: it loads to what it was, and the new key; what does not is refused."""
    kind, raw = case
    name = SOURCES.main[kind].name
    document = parse_document(raw, name)
    change = Change(("mark",), value)
    if document.data is None:
        with pytest.raises(UsageWrong):
            apply_changes(document.text or "= [", [change])
        return
    loaded = parse_document(apply_changes(document.text, [change]).encode(), name).data
    assert same(loaded, {**document.data, "mark": value})


VALUES: Any = st.recursive(
    st.one_of(
        st.integers(),
        st.booleans(),
        st.text(max_size=8),
        st.sampled_from(["openai", "L4", "always", "gpt-5.2"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    "global",
                    "L0",
                    "L3",
                    "L5",
                    "primary",
                    "fallback",
                    "critic",
                    "service",
                    "provider",
                    "model_id",
                    "model",
                    "price",
                    "run",
                    "day",
                    "currency",
                    "prompts",
                    "phases",
                    "shadow",
                    "allowed_providers",
                    "enable",
                    "ramp",
                ]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@QUIET
@given(st.sampled_from(sorted(FILES)), VALUES)
def test_any_structure_never_raises(kind: str, value: Any) -> None:
    """Right keys in wrong places, wrong types everywhere."""
    document = SOURCES.main[kind]
    data = value if isinstance(value, dict) else {"x": value}
    odd = type(document)(document.name, document.text, document.sha256, data, {}, None)
    read = Sources({**SOURCES.main, kind: odd}, SOURCES.prompts)
    inspect(read, phase=PhaseLevel.LIVE, today=TODAY)


def test_every_file_broken_at_once_is_still_a_report() -> None:
    """Nothing in the workspace parses; each file is named once."""
    main = {kind: parse_document(b"= [", document.name) for kind, document in SOURCES.main.items()}
    findings = inspect(Sources(main), phase=PhaseLevel.LIVE, today=TODAY).findings
    assert sorted(one.file for one in findings) == sorted(document.name for document in main.values())
    assert {one.rule for one in findings} == {"file.syntax"}
