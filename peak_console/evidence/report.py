"""The critic's report of a run in Markdown. What models said in it can be nothing but text. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from peak_console.domain.text import one_line

_MARKS: Final = re.compile(r"([!-/:-@\[-`{-~])")
_WORDS: Final = re.compile(
    r"[A-Za-z0-9]+(?:[_:-][A-Za-z0-9]+)*|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}Z"
)
"""Ids and times: nothing in them is a mark, so they stay legible."""

_TEXT_LIMIT: Final = 4000
_NAME_LIMIT: Final = 120


def critic_report(verdicts: Mapping[str, Any]) -> str:
    """The report on what :func:`peak_console.evidence.derived.judgements` found."""
    judged = verdicts.get("judgements") or []
    lines = [f"# Critic report: run {inert(str(verdicts.get('run_id')))}", ""]
    if not judged:
        lines += ["No critic judged anything of this run.", ""]
    else:
        counts = verdicts.get("counts") or {}
        lines += [", ".join(f"{inert(str(name))}: {count}" for name, count in counts.items()) + ".", ""]
    for number, one in enumerate(judged, 1):
        lines += [*_judgement(number, one), ""]
    return "\n".join(lines)


def inert(untrusted: str, limit: int = _TEXT_LIMIT) -> str:
    """Foreign text on one line in which no character has a meaning to Markdown or HTML (CommonMark 2.4)."""
    text = one_line(untrusted, limit)
    return text if _WORDS.fullmatch(text) else _MARKS.sub(r"\\\1", text)


def _judgement(number: int, one: Mapping[str, Any]) -> Iterator[str]:
    verdict = inert(str(one.get("verdict", "unknown")), 20)
    yield f"## {number}. {verdict}"
    yield ""
    yield f"- event {one.get('seq')}, {inert(str(one.get('ts')))}"
    if one.get("pruned") is True:
        yield "- what was said is gone: the ledger dropped it by retention"
        return
    model = f"{one.get('provider')}:{one.get('model_id')}" if one.get("model_id") else "no model answered"
    yield f"- judge: {_named(one, 'judge_layer')}, {inert(model, _NAME_LIMIT)}, call {_named(one, 'call_id')}"
    yield f"- judged: {_named(one, 'judged_layer')}, call {_named(one, 'judged_call_id')}"
    yield f"- separation of duties: {_separation(one.get('sod'))}"
    yield f"- reason: {_named(one, 'reason')}" + (
        f" ({inert(str(one['detail']))})" if one.get("detail") else ""
    )
    for name, words in _LIMITS:
        if one.get(name) is True:
            yield f"- {words}"
    found = one.get("findings")
    yield from _findings(found if isinstance(found, Sequence) and not isinstance(found, str) else ())


_LIMITS: Final = (
    ("malformed", "malformed: there was no answer in the form asked for, which counts as FAIL"),
    ("degraded", "degraded: the judge was a stand-in that cannot pass anything"),
    ("capped", "capped: it said PASS, which does not count in full"),
    ("simulated", "simulated: no real provider was asked"),
)


def _findings(findings: Sequence[Any]) -> Iterator[str]:
    if not findings:
        yield "- findings: none"
        return
    yield "- findings:"
    for one in findings:
        if not isinstance(one, Mapping):
            yield f"    - {inert(str(one))}"
            continue
        grave = f"{_named(one, 'severity')}, {_named(one, 'category')}"
        yield f"    - **{_named(one, 'id')}** ({grave}): {inert(str(one.get('rationale', '')))}"
        refs = one.get("evidence_refs")
        if isinstance(refs, Sequence) and not isinstance(refs, str) and refs:
            yield f"        - refers to: {', '.join(inert(str(ref), _NAME_LIMIT) for ref in refs)}"


def _separation(sod: Any) -> str:
    if not isinstance(sod, Mapping) or not sod:
        return "not checked"
    detail = f": {inert(str(sod['detail']))}" if sod.get("detail") else ""
    unechoed = ", not every model named itself" if sod.get("unechoed") is True else ""
    kept = "kept" if sod.get("ok") is True else "NOT KEPT"
    return f"{kept} (rule: {inert(str(sod.get('rule', '')), _NAME_LIMIT)}{unechoed}){detail}"


def _named(one: Mapping[str, Any], name: str) -> str:
    value = one.get(name)
    return inert(str(value), _NAME_LIMIT) if value is not None and value != "" else "none"
