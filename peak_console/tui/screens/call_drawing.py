"""How a call's page looks: what happened, the route and why, hops, money, texts, the chain. Pure."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from peak_console.domain.text import one_line
from peak_console.operations.views.call_detail import (
    CallDetail,
    HopFacts,
    JudgementLine,
    LoggedText,
)
from peak_console.tui import figures as fig
from peak_console.tui.ink import EMPTY, Line, Span, Tone, cell, fit, rule, width_of
from peak_console.tui.screens.live_drawing import OUTCOME_SIGNS, call_badges, layer_tone
from peak_console.tui.screens.route_drawing import route_lines
from peak_console.tui.widgets.document import wrapped

_LABEL = 13
_WIDE = 100
_VERDICTS = {"PASS": ("✓", Tone.OK), "REVIEW": ("▲", Tone.WARN), "FAIL": ("✗", Tone.BAD)}


def call_lines(call: CallDetail, width: int, now: datetime, *, keys: bool = True) -> list[Line]:
    """The whole page; without ``keys`` it names none of the console's."""
    if call.missing:
        return [EMPTY, (Span(f"  {one_line(call.missing, 400)}", Tone.DIM),)]
    lines: list[Line] = [*_summary(call, width, now, keys=keys)]
    if call.told:
        said = wrapped(" ".join(call.told), width, indent="  ")
        lines += _section("who chose it, and why", width, said, _told_note(call))
    lines += _section("route and why", width, list(route_lines(call, width, now)), _route_note(call))
    for hop in call.hops:
        lines += _section(_hop_title(hop), width, list(_hop(hop, width, now)))
    if call.judgements:
        lines += _section(
            "critic", width, [one for judged in call.judgements for one in _judgement(call, judged, width)]
        )
    for text in call.texts:
        lines += _section(text.kind, width, list(_text(text, width)), _text_note(text))
    lines += _section("identity", width, list(_identity(call, width)))
    lines += _section("place in the chain", width, list(_chain(call, width)), _chain_note(call))
    return lines


def event_lines(call: CallDetail, width: int) -> list[Line]:
    """The call's ledger events as JSON."""
    lines: list[Line] = []
    for event in call.events:
        title = f"#{event.get('seq', '?'):,}" if isinstance(event.get("seq"), int) else "?"
        head = (Span(title, Tone.STRONG), Span(f" {one_line(str(event.get('kind', '')), 60)}", Tone.ACCENT))
        lines += [EMPTY, rule(head, width)]
        lines += wrapped(json.dumps(event, indent=2, ensure_ascii=False), width)
    return lines or [EMPTY, (Span("  no event", Tone.DIM),)]


def _told_note(call: CallDetail) -> Line:
    return (Span("what stood then is being read …", Tone.UNKNOWN),) if call.moment_due else EMPTY


def _section(title: str, width: int, lines: Sequence[Line], right: Line = EMPTY) -> list[Line]:
    return [EMPTY, rule((Span(title),), width, right), *lines]


def _pair(label: str, *value: Span) -> Line:
    return (Span("  "), cell(label, _LABEL, Tone.DIM), *value)


def _long(label: str, text: str, width: int, tone: Tone) -> Iterator[Line]:
    """A pair whose value goes on below itself where the line is too short for it."""
    for at, line in enumerate(wrapped(text, width, indent=" " * (_LABEL + 2), tone=tone)):
        yield _pair(label if not at else "", *line[1:])


def _summary(call: CallDetail, width: int, now: datetime, *, keys: bool) -> Iterator[Line]:
    last = call.hops[-1].line if call.hops else None
    if last is not None:
        sign, tone = OUTCOME_SIGNS.get(last.outcome, ("?", Tone.UNKNOWN))
        reason = f" {one_line(last.reason, 40)}" if last.reason else ""
        badges = " ".join(call_badges(last))
        yield fit(
            (
                Span(f"  {sign} {'pending' if last.pending else last.outcome}{reason}", tone),
                Span(f"   {one_line(last.provider, 20)} "),
                Span(one_line(last.model_id, 60), Tone.STRONG),
                Span(f"   {fig.latency(last.latency_ms)}   € {fig.exact_euros(last.cost)}"),
                Span(f"   {badges}", Tone.WARN),
            ),
            width,
        )
    yield EMPTY
    layer = (Span(call.layer, layer_tone(call.layer)), Span(f" {one_line(call.asked_role, 20)}"))
    when = "" if call.asked_at is None else fig.day_and_clock(call.asked_at, now)
    yield _pair(
        "asked", *layer, Span(f"   {one_line(call.prompt, 60)}", Tone.DIM), Span(f"   {when}", Tone.DIM)
    )
    if call.purpose:
        yield _pair("purpose", Span(one_line(call.purpose, 120)))
    lists = (Span("   R lists its calls", Tone.FAINT),) if keys else ()
    yield _pair("run", Span(one_line(call.run_id, 60)), *lists)
    yield from _selected(call, width)
    posture = " · ".join(
        part for part in (call.posture, call.phase, "simulated" if call.simulated else "") if part
    )
    yield _pair("under", Span(one_line(posture or "—", 100)))
    for one in call.fallbacks:
        yield from _long("fell back", one_line(one, 400), width, Tone.WARN)
    for denial in call.denials:
        said = f"{denial.rule}: {denial.field} {denial.subject} ({denial.where}) {denial.who}"
        yield fit(
            _pair("denied", Span(one_line(said, 200), Tone.BAD), Span(f"   #{denial.seq:,}", Tone.FAINT)),
            width,
        )


def _selected(call: CallDetail, width: int) -> Iterator[Line]:
    """Who selected the model: the matrix, by its digest, and which of its candidates answered."""
    if not call.matrix_digest:
        return
    chosen = next((hop for hop in reversed(call.hops) if hop.line.outcome in {"ok", "open"}), None)
    said = (
        f"by the matrix {one_line(call.matrix_digest, 12).rstrip('…')[:8]} for {call.layer} {call.asked_role}"
    )
    if chosen is not None:
        name = (chosen.line.provider, chosen.line.model_id)
        place = next((one.position + 1 for one in call.route if (one.provider, one.model_id) == name), None)
        said += f": candidate {place} of {len(call.route)}" if place else ""
    who = f", asked by {call.actor}" if call.actor and width >= _WIDE else ""
    yield fit(_pair("selected", Span(one_line(said, 120)), Span(one_line(who, 80), Tone.DIM)), width)


def _route_note(call: CallDetail) -> Line:
    admitted = sum(1 for step in call.route if step.admitted)
    return (Span(f"{admitted} of {len(call.route)} admitted", Tone.DIM),) if call.route else EMPTY


def _hop_title(hop: HopFacts) -> str:
    line = hop.line
    if line.outcome == "refused":
        what = "refused"
    else:
        what = f"hop {line.hop}, a repair" if line.repair else f"hop {line.hop}"
    return f"{what}: {one_line(line.provider, 20)} {one_line(line.model_id, 60)}"


def _hop(hop: HopFacts, width: int, now: datetime) -> Iterator[Line]:
    line = hop.line
    yield from _hop_outcome(hop, width)
    yield from _background(hop, width, now)
    served = hop.served_model
    if served is not None:
        same = served == line.model_id or served.startswith(f"{line.model_id}-")
        asked = one_line(line.model_id, 60)
        note = (
            "as asked"
            if served == line.model_id
            else f"a version of {asked}"
            if same
            else f"asked for {asked}"
        )
        yield _pair(
            "answered by",
            Span(one_line(served, 80), Tone.TEXT if same else Tone.WARN),
            Span(f"   {note}", Tone.DIM),
        )
    elif hop.unechoed:
        yield _pair("answered by", Span("the provider names no model (unechoed)", Tone.WARN))
    if hop.base_url:
        yield _pair("sent to", Span(one_line(hop.base_url, 120), Tone.WARN))
    yield from _attempts(hop)
    if line.streamed:
        first = "no first token" if hop.ttft_ms is None else f"first token after {fig.latency(hop.ttft_ms)}"
        yield _pair("streamed", Span(first))
    if hop.dropped:
        left_out = f"{', '.join(hop.dropped)}: this model refuses it"
        yield fit(_pair("left out", Span(one_line(left_out, 160), Tone.DIM)), width)
    if hop.tokens:
        counts = "   ".join(f"{name} {count:,}" for name, count in hop.tokens)
        yield _pair("tokens", Span(counts))
    yield from _money(hop)
    if hop.tool_calls:
        yield fit(_pair("tools", Span(one_line(", ".join(hop.tool_calls), 200))), width)
    if hop.hosted_calls:
        yield _pair("hosted tools", Span(f"{hop.hosted_calls:,} calls, run and billed by the provider"))
    ids = " · ".join(part for part in (hop.request_id or "", hop.fingerprint or "") if part)
    if ids:
        yield _pair("provider ids", Span(one_line(ids, 160), Tone.DIM))


def _hop_outcome(hop: HopFacts, width: int) -> Iterator[Line]:
    """How it ended, with the detail beside it or, where that is longer, below."""
    line = hop.line
    sign, tone = OUTCOME_SIGNS.get(line.outcome, ("?", Tone.UNKNOWN))
    reason = one_line(line.reason or hop.finish, 40)
    word = Span(f"{sign} {'pending' if line.pending else line.outcome} {reason}", tone)
    detail = Span(f" · {one_line(hop.detail, 400)}" if hop.detail else "", Tone.DIM)
    if width_of(_pair("outcome", word, detail)) <= width:
        yield _pair("outcome", word, detail)
    else:
        yield fit(_pair("outcome", word), width)
        yield from _long("", one_line(hop.detail, 400), width, Tone.DIM)


def _background(hop: HopFacts, width: int, now: datetime) -> Iterator[Line]:
    """That the provider took it on: since when it works, where, and until when it is waited for."""
    taken = hop.acceptance
    if taken is not None:
        since = f"accepted {fig.day_and_clock(taken.at, now)}"
        if hop.line.pending:
            waited = fig.age(max(0.0, (now - taken.at).total_seconds()))
            until = (
                f", waited for until {fig.day_and_clock(taken.expires_at, now)}" if taken.expires_at else ""
            )
            since = f"{since}, pending for {waited}{until}"
        yield fit(_pair("background", Span(since, Tone.ACCENT if hop.line.pending else Tone.TEXT)), width)
        where = " · ".join(part for part in (taken.response_id, taken.status, taken.base_url) if part)
        yield fit(_pair("", Span(one_line(where, 160), Tone.DIM)), width)
    elif hop.line.background:
        yield _pair("background", Span("not accepted by the provider yet", Tone.UNKNOWN))
    if hop.retry_at is not None:
        yield _pair(
            "breaker", Span(f"lets a probe through at {fig.day_and_clock(hop.retry_at, now)}", Tone.WARN)
        )


def _attempts(hop: HopFacts) -> Iterator[Line]:
    for at, one in enumerate(hop.attempts):
        ok = one.reason == "ok"
        waited = f" after waiting {fig.latency(one.waited_ms)}" if one.waited_ms else ""
        status = f" {one.status}" if one.status is not None else ""
        mark = Span(
            f"{one.number} {'✓' if ok else '✗'} {one_line(one.reason, 40)}{status}",
            Tone.OK if ok else Tone.WARN,
        )
        yield _pair(
            "attempts" if not at else "", mark, Span(f"   {fig.latency(one.latency_ms)}{waited}", Tone.DIM)
        )


def _money(hop: HopFacts) -> Iterator[Line]:
    if hop.line.outcome == "refused":
        return
    basis = {
        "usage": "by usage",
        "worst_case": "its bound: the provider told no bill",
        "none": "nothing was spent",
    }
    word = "settled by hand" if hop.settlement else basis.get(hop.cost_basis, one_line(hop.cost_basis, 30))
    spent = Span(f"€ {fig.exact_euros(hop.line.cost)}", Tone.STRONG)
    yield _pair("cost", spent, Span(f"   {word}", Tone.DIM))
    settled = hop.settlement
    if settled is not None:
        was = f"€ {fig.exact_euros(settled.was)} at its bound, settled by {one_line(settled.operator, 40)}: "
        yield _pair("was", Span(was, Tone.WARN), Span(one_line(settled.reason, 120)))
    if hop.bound is not None:
        yield _pair("reserved", Span(f"€ {fig.exact_euros(hop.bound)}", Tone.DIM))
    parts = [
        hop.price_source,
        hop.price_as_of and f"as of {hop.price_as_of}",
        hop.eur_per_usd and f"{hop.eur_per_usd} EUR/USD",
    ]
    source = " · ".join(part for part in parts if part)
    if source:
        yield _pair("price", Span(one_line(source, 160), Tone.DIM))


def _judgement(call: CallDetail, judged: JudgementLine, width: int) -> Iterator[Line]:
    sign, tone = _VERDICTS.get(judged.verdict, ("?", Tone.UNKNOWN))
    judge = f"   by {one_line(judged.judge_layer, 8)} {one_line(judged.judge, 80)}   #{judged.seq:,}"
    if judged.judged and judged.judged != call.call_id:
        judge = f"   its verdict on {one_line(judged.judged, 60)}   #{judged.seq:,}"
    yield (Span(f"  {sign} {one_line(judged.verdict, 12)}", tone), Span(judge, Tone.DIM))
    for note in judged.notes:
        yield (Span("    "), Span(one_line(note, 200), Tone.WARN))
    for category, severity, rationale in judged.findings:
        head = f"{one_line(category, 16)}, {one_line(severity, 10)}: "
        yield from wrapped(f"{head}{rationale}", width, indent="    ")


def _text_note(text: LoggedText) -> Line:
    if text.matches is None:
        return (Span(text.sha256[:12], Tone.FAINT),) if text.sha256 else EMPTY
    sign = Span("✓ ", Tone.OK) if text.matches else Span("✗ ", Tone.BAD)
    word = "as hashed on the ledger" if text.matches else "differs from the ledger's hash"
    return (
        sign,
        Span(word, Tone.DIM if text.matches else Tone.BAD),
        Span(f"  {text.sha256[:12]}", Tone.FAINT),
    )


def _text(text: LoggedText, width: int) -> Iterator[Line]:
    if text.text is None:
        yield (Span(f"  {one_line(text.why or 'no text', 200)}", Tone.DIM),)
        return
    shown = readable_request(text.text) if text.kind == "request" else text.text
    yield from wrapped(shown, width)
    if text.cut:
        yield (Span("  … cut; the whole text is in the run's texts.jsonl", Tone.WARN),)


def readable_request(text: str) -> str:
    """A provider's request as its messages, one after the other, and its settings; else as it stands."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(told, dict):
        return text
    said = [
        *_messages(told.pop("systemInstruction", None), "system"),
        *_messages(told.pop("messages", None), "user"),
    ]
    said += _messages(told.pop("contents", None), "user")
    if not said:
        return text
    return "\n\n".join([*said, json.dumps(told, ensure_ascii=False)])


def _messages(told: object, role: str) -> Iterator[str]:
    """Messages in the forms of OpenAI (``content``) and Gemini (``parts``)."""
    for one in told if isinstance(told, list) else [told]:
        if not isinstance(one, dict):
            continue
        parts = one.get("parts")
        pieces = (
            [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
        )
        content = one.get("content", "\n".join(str(piece) for piece in pieces if piece))
        yield f"[{one.get('role', role)}]\n{content if isinstance(content, str) else json.dumps(content)}"


def _identity(call: CallDetail, width: int) -> Iterator[Line]:
    for label, value in (
        ("call", call.call_id),
        ("request", call.request_hash),
        ("matrix", call.matrix_digest),
        ("actor", call.actor),
    ):
        if value:
            yield fit(_pair(label, Span(one_line(value, 160), Tone.DIM)), width)


def _chain_note(call: CallDetail) -> Line:
    if not call.chain:
        return EMPTY
    holds = all(
        one.header_holds and one.link_holds is not False and one.body_holds is not False for one in call.chain
    )
    return (Span("✓ recomputed here", Tone.OK),) if holds else (Span("✗ does not hold", Tone.BAD),)


def _chain(call: CallDetail, width: int) -> Iterator[Line]:
    if not call.chain:
        yield (Span("  no event", Tone.DIM),)
    for one in call.chain:
        marks = [
            _mark("header", one.header_holds),
            _mark("body", one.body_holds),
            _mark("link", one.link_holds),
        ]
        yield fit(
            (
                cell(f"#{one.seq:,}", 12, Tone.STRONG, right=True),
                Span("  "),
                cell(one_line(one.kind, 30), 22),
                *(span for mark in marks for span in mark),
                Span(f" {one.prev_hash[:8]} → {one.hash[:8]}", Tone.FAINT),
            ),
            width,
        )


def _mark(word: str, holds: bool | None) -> tuple[Span, ...]:  # noqa: FBT001 - three states of one thing
    sign, tone = {True: ("✓", Tone.OK), False: ("✗", Tone.BAD), None: ("·", Tone.UNKNOWN)}[holds]
    return (Span(f"{sign} ", tone), Span(f"{word}  ", Tone.DIM))


def call_text(call: CallDetail, now: datetime) -> str:
    """The page as plain text, for a copy: texts whole."""
    return "\n".join("".join(span.text for span in one).rstrip() for one in call_lines(call, 120, now)) + "\n"
