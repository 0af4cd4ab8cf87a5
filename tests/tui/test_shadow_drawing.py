"""What stands on the Shadow screen, without a terminal: every list fits, and nothing is green unproved."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from console_scenes import HOSTILE, NOW
from rich.cells import cell_len
from shadow_scenes import (
    BODY,
    CANARY_BODY,
    CYCLES,
    DRIFT,
    FACTS,
    LAST,
    QUARANTINED,
    WATCHED,
    facts,
    shadow_source,
)

from peak_console.domain.jobs import RunState
from peak_console.operations.criterion import CriterionStatus
from peak_console.operations.shadow.gate_figures import gate_figures
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.live import Slot, SlotRow
from peak_console.operations.views.shadow import (
    CycleFigures,
    DriftState,
    GoldSince,
    JobState,
    ShadowFacts,
    StreamLine,
)
from peak_console.operations.views.shadow_bar import DriftTrouble
from peak_console.operations.views.shadow_desk import JobAbout
from peak_console.tui.ink import Line, Span, Tone
from peak_console.tui.screens import shadow_drawing as look
from peak_console.tui.screens import shadow_drift_drawing as drift_look
from peak_console.tui.screens import shadow_ready_drawing as ready_look
from peak_console.tui.screens.provider_drawing import marked_model
from peak_console.tui.screens.shadow_cycle import with_ending
from peak_console.tui.screens.shadow_cycle_drawing import CyclePage, amount, cycle_lines
from peak_console.tui.screens.shadow_drawing import reasons_words, run_words
from peak_console.tui.screens.shadow_endings import ending
from peak_console.tui.screens.shadow_figures import counted, figures_shown, within
from peak_console.tui.screens.shadow_job_drawing import JobShown, job_lines, run_columns
from peak_console.tui.screens.shadow_ready import ready_lines
from peak_console.tui.screens.shadow_sorting import SORTS, sorted_rows
from peak_console.tui.widgets.table import Column, lay_out, row_line

SCENES = ("empty", "normal", "alarming", "stale", "no-node", "replay", "hostile")
WEEK_S = 7 * 86_400
GATE = CYCLES[2].seq - 1


def text_of(lines: Sequence[Line]) -> str:
    """The lines' text."""
    return "\n".join("".join(span.text for span in line) for line in lines)


def drawn(columns: Sequence[Column[Any]], rows: Sequence[Any], width: int) -> list[Line]:
    """The rows of a list as a table of ``width`` cells draws them."""
    return [row_line(row, lay_out(columns, width)) for row in rows]


def cycle_page(**changes: Any) -> CyclePage:
    """The page of the cycle that the gate blocked."""
    inputs = shadow_source("normal").event(GATE).event["body"]["inputs"]
    page = CyclePage(CYCLES[2].seq, CYCLES[2].run_id, CYCLES[2].at, BODY, gate_figures(inputs), GATE)
    return replace(page, **changes)


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("width", [78, 118, 198])
def test_every_list_and_page_fits_its_place(name: str, width: int) -> None:
    """No row, head or page of any scene is wider than the screen; foreign text is cut like any other."""
    shown = facts(name)
    cycles = within(shown.cycles, NOW, WEEK_S)
    lines = [
        *drawn(look.job_columns(NOW), shown.jobs, width + 1),
        *drawn(look.cycle_columns(NOW), cycles[:3], width + 1),
        *drawn(drift_look.drift_columns(NOW), shown.drift, width + 1),
        *drawn(ready_look.ready_columns(NOW, NOW), ready_look.criteria_rows(shown.readiness), width + 1),
        *drawn(run_columns(NOW), shown.runs, width + 1),
        *look.book_lines(shown.books, NOW, width, 2),
        *ready_lines(shown, NOW, width),
    ]
    for job in shown.jobs:
        lines += job_lines(JobShown(job.name, job, JobAbout((("key", HOSTILE),), (NOW,))), NOW, width)
    for model in shown.drift:
        lines += drift_look.model_lines(model, {184_150: CANARY_BODY}, NOW, width)
    assert [line for line in map(text_of, ([one] for one in lines)) if cell_len(line.rstrip()) > width] == []


def test_a_body_of_anything_is_drawn() -> None:
    """A cycle's page shows what its event says, and never fails over what it does not say as it should."""
    assert all(cell_len(text_of([line])) <= 78 for line in cycle_lines(cycle_page(), NOW, 78))
    text = text_of(list(cycle_lines(cycle_page(), NOW, 100)))
    for said in (
        "would block",
        "max_position",
        "1,996.40",
        "1,000.00",
        "drifts up",
        "L3 by L4 PASS",
        "€ 0.041",
    ):
        assert said in text
    blocked = [line for line in text.splitlines() if line.startswith("  ■ ") and "BLOCK" not in line]
    assert [line.split()[-1] for line in blocked] == ["max_position", "max_exposure"]
    for odd in (None, 7, "x", [], {}, [[1]], [{"name": HOSTILE}], {"a": 1}, True):
        body = dict.fromkeys(BODY, odd)
        assert list(cycle_lines(cycle_page(body=body, figures=()), NOW, 78))
    assert "cannot be shown" in text_of(list(cycle_lines(cycle_page(body={}, missing="pruned"), NOW, 78)))


@pytest.mark.parametrize("inputs", [None, {}, {"gate": 1}, {"gate": 2}, [], {"gate": 1, "intent": 3}])
def test_figures_of_what_is_no_document_are_none(inputs: Any) -> None:
    """What the gate could not read has no figures to show."""
    assert gate_figures(inputs) == ()


def test_figures_name_what_the_gate_names() -> None:
    """A figure above its limit is one that the gate gave as a reason."""
    inputs = shadow_source("normal").event(GATE).event["body"]["inputs"]
    over = {
        one.reason.value
        for one in gate_figures(inputs)
        if Decimal(one.found.replace(",", "")) > Decimal(one.limit.replace(",", ""))
    }
    assert over == {"max_position", "max_exposure"}


def test_nothing_is_green_without_evidence_and_age() -> None:
    """A model nobody looked at is unknown, one with old evidence amber; stale facts have no green at all."""
    good = DRIFT[0]
    assert drift_look.state_span(good, NOW).tone is Tone.OK
    bare = replace(good, canary=None, two_sample=None, last_answer_at=None)
    assert drift_look.state_span(bare, NOW).tone is Tone.UNKNOWN
    assert good.canary is not None
    partly = replace(good.canary, ok=False, incomplete=True)
    assert drift_look.check_span(partly, NOW).tone is Tone.WARN
    later = NOW + timedelta(days=2)
    assert drift_look.state_span(good, later).tone is Tone.WARN
    shown = facts("normal")
    rows = (
        *drawn(look.job_columns(NOW, stale=True), shown.jobs, 120),
        *drawn(look.cycle_columns(NOW, stale=True), shown.cycles, 120),
        *drawn(drift_look.drift_columns(NOW, stale=True), shown.drift, 120),
        *drawn(
            ready_look.ready_columns(NOW, NOW, stale=True), ready_look.criteria_rows(shown.readiness), 120
        ),
        ready_look.ready_head(shown, NOW, 120, stale=True)[0],
    )
    assert Tone.OK not in {span.tone for row in rows for span in row}


def test_what_is_read_when_it_is_judged_is_as_old_as_that() -> None:
    """A criterion that is met has an age; one that nobody knows anything of has none."""
    one = ready_look.criteria_rows(facts("normal").readiness)[0]
    met = replace(one, status=CriterionStatus.GREEN, age_s=None)
    assert ready_look.criterion_age_s(met, 20.0) == 20.0
    assert ready_look.criterion_age_s(replace(met, age_s=5.0), 20.0) == 25.0
    assert ready_look.criterion_age_s(replace(met, status=CriterionStatus.NO_EVIDENCE), 20.0) is None


def test_a_model_counts_once_by_its_gravest_slot() -> None:
    """The title says of how many models something is known, not of how many slots; as the bar does."""
    good, quarantined = DRIFT[0], QUARANTINED
    twice = (replace(quarantined, slots=("L0.critic",), state=DriftState.OK), quarantined, good)
    title = text_of([drift_look.drift_head(replace(FACTS, drift=twice))])
    assert title == "drift  ✗ 1 quarantined"
    row = text_of(drawn(drift_look.drift_columns(NOW), [quarantined], 79))
    assert quarantined.slots[0][:8] in row, "two slots of a model are told apart in the smallest terminal"
    assert "9/12" in row


def test_a_decimal_of_an_event_is_told_to_its_second_place() -> None:
    """What is no decimal stands as it is; a monstrous one is not written out."""
    assert [amount(one) for one in ("99999.196881488", "-900.85", "many", 7, None)] == [
        "99,999.20",
        "-900.85",
        "many",
        "7",
        "",
    ]
    assert amount("1e999999") == "1e999999"
    assert amount("NaN") == "NaN"


def test_a_gauge_is_full_at_its_alarm() -> None:
    """The bar grows with the evidence; three below the alarm it warns, at it it is bad."""
    assert drift_look.bar_of(0.0, 10.6, 6) == "░░░░░░"
    assert drift_look.bar_of(10.6, 10.6, 6) == drift_look.bar_of(99.0, 10.6, 6) == "██████"
    assert drift_look.gauge_tone(7.5, 10.6) is Tone.TEXT
    assert drift_look.gauge_tone(7.7, 10.6) is Tone.WARN
    assert drift_look.gauge_tone(10.6, 10.6) is Tone.BAD
    untested = replace(DRIFT[0], streams=(StreamLine("cost", 5, 0, None, 0.0, 10.6),))
    assert drift_look.gauge_span(untested).text == "no baseline"
    page = text_of(list(drift_look.model_lines(QUARANTINED, {184_150: CANARY_BODY}, NOW, 78)))
    for said in (
        "no baseline: not tested",
        "12.1",
        "✗ alarm",
        "sum-of-two",
        "expected 41, got 42",
        "not locked",
    ):
        assert said in page


def test_live_marks_a_model_that_drifts() -> None:
    """Out of use before anything a breaker says; watched with another sign; others as they were."""
    row = SlotRow(Slot("L2", "primary", "openai", "gpt-5.2"), 1, 0, None, None, 0, None)
    bad = DriftTrouble("openai:gpt-5.2", DriftState.QUARANTINED)
    assert marked_model(row, (), (bad,)) == ("✗ gpt-5.2", Tone.BAD)
    assert marked_model(row, (), (replace(bad, state=DriftState.WATCH),)) == ("▲ gpt-5.2", Tone.WARN)
    assert marked_model(row, (), (replace(bad, name="openai:gpt-5"),)) == ("gpt-5.2", Tone.STRONG)


def test_a_book_takes_a_line_and_says_how_many_there_are_more() -> None:
    """As many books as there is room for; none says why."""
    books = (*FACTS.books, replace(FACTS.books[0], name="bold"))
    assert "+1 more" in text_of(look.book_lines(books, NOW, 80, 1))
    assert "bold" in text_of(look.book_lines(books, NOW, 80, 2))
    assert "none yet" in text_of(look.book_lines((), NOW, 80, 1))


def test_the_gravest_stands_first() -> None:
    """What is out of use, then what drifted, then what is watched; in the way before what is green."""
    states = [one.state for one in drift_look.drift_rows((*DRIFT, WATCHED, QUARANTINED))]
    assert states[:2] == [DriftState.QUARANTINED, DriftState.WATCH]
    assert states[-1] is DriftState.UNKNOWN, "what nothing is known of stands below what was tested"
    statuses = [one.status.value for one in ready_look.criteria_rows(facts("alarming").readiness)]
    assert statuses == sorted(statuses, key=["red", "no_evidence", "green"].index)


def test_an_empty_list_says_why() -> None:
    """No jobs, no match, no data: each in words, with what to do."""
    empty = facts("empty")
    assert "names no job" in text_of(look.no_jobs(empty))
    assert "up to this moment" in text_of(look.no_jobs(empty, replay=True))
    assert "matches  / x" in text_of(look.no_jobs(FACTS, filtered="x"))
    unread = ShadowFacts(NOW, freshness=Freshness(None, "the ledger is locked", "wait"))
    for lines in (look.no_jobs(unread), look.no_cycles(unread, "7 d"), drift_look.no_drift(unread)):
        assert "the ledger is locked" in text_of(lines)
    silent = replace(FACTS, drift=(), scheduler="", problem="no node tells of jobs")
    assert "? not known: no node tells" in text_of(drift_look.no_drift(silent))
    assert "no model was looked at yet" in text_of(drift_look.no_drift(replace(FACTS, drift=())))
    assert "runs one" in text_of(look.no_cycles(replace(FACTS, cycles=()), "7 d"))
    assert "looks further back" in text_of(look.no_cycles(FACTS, "5 min"))
    assert "says nothing of testnet" in text_of(ready_look.no_criteria(empty))


def test_a_replay_does_not_take_an_unknown_schedule_for_none() -> None:
    """The ledger says nothing of a schedule: neither does the list; elsewhere none means when asked."""
    job = replace(FACTS.jobs[0], schedule="")
    assert "when asked" in text_of(drawn(look.job_columns(NOW), [job], 79))
    assert "when asked" not in text_of(drawn(look.job_columns(NOW, replay=True), [job], 79))


def test_replayed_data_is_told() -> None:
    """Cycles over history carry a mark, and their head says it in words."""
    shown = facts("replay")
    assert "REPLAYED DATA" in text_of([look.cycles_head(shown.cycles, "7 d", 100)[0]])
    short = look.cycles_head(shown.cycles, "7 d", 80)[0]
    assert cell_len(text_of([short])) < 78
    for word in ("↺ REPLAYED", "✓ 36 allow", "■ 20 block", "✗ 1 aborted"):
        assert word in text_of([short]), "what gives way is the rest"
    many = [replace(one, replayed=True) for one in shown.cycles for _ in range(40)]
    title = text_of([look.cycles_head(many, "7 d", 80)[0]])
    assert cell_len(title) < 78
    assert title.endswith("aborted")
    assert text_of(drawn(look.cycle_columns(NOW), shown.cycles[:1], 80)).lstrip().startswith("↺")
    body = {**BODY, "replayed": True}
    assert "REPLAYED DATA" in text_of(list(cycle_lines(cycle_page(body=body), NOW, 80)))


def test_cycles_are_counted_by_outcome_and_reason() -> None:
    """Only what the gate blocked has reasons that are counted."""
    counts = counted(CYCLES)
    assert counts.cycles == len(CYCLES)
    assert counts.would_allow + counts.would_block + counts.no_trade + counts.aborted < counts.cycles
    assert counts.reasons[0][0] == "max_position"
    assert "stopped" not in dict(counts.reasons)


def test_a_list_of_cycles_that_is_cut_says_so() -> None:
    """A week is counted by the record; where older cycles of the window are not listed the title tells."""
    shown = replace(facts("normal"), taken_at=NOW)
    listed, day_s = shown.cycles, 86_400
    week = replace(shown.figures, cycles=812, since=NOW - timedelta(seconds=WEEK_S), first_seq=1)
    shown = replace(shown, figures=week)
    figures, cut = figures_shown(shown, listed, NOW, WEEK_S, filtered=False)
    assert (figures.cycles, cut) == (812, False)
    title = text_of([look.cycles_head(listed, "7 d", 140, shown=(figures, cut))[0]])
    assert f" 812 in 7 d newest {len(listed)} listed" in title
    begun = replace(shown, figures=replace(week, since=NOW - timedelta(days=2)))
    assert figures_shown(begun, listed, NOW, WEEK_S, filtered=False) == (begun.figures, True)
    older = replace(shown, cycles=tuple(replace(one, at=NOW) for one in listed))
    assert figures_shown(older, listed, NOW, day_s, filtered=False) == (counted(listed), True)
    assert figures_shown(older, listed[:1], NOW, WEEK_S, filtered=True)[0].cycles == 1
    assert "≥ 812" in text_of([look.cycles_head(listed, "7 d", 140, shown=(week, True))[0]])


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ("failed", ("✗", "failed", Tone.BAD)),
        ("unanswered", ("▲", "incomplete", Tone.WARN)),
        ("drift", ("✗", "drift", Tone.BAD)),
        ("passed", ("✓", "passed", Tone.OK)),
    ],
)
def test_a_run_looks_as_it_came_out(outcome: str, told: tuple[str, str, Tone]) -> None:
    """A round that was run to its end and found a bad model is not green, in list and page."""
    state = RunState.FAILED if outcome == "unanswered" else RunState.DONE
    run = replace(LAST, outcome=outcome, state=state)
    assert ending(run) == told
    assert run_words(run, NOW).tone is told[2]
    assert run_columns(NOW)[1].draw(run) == Span(f"{told[0]} {told[1]}", told[2])


def test_a_reason_stands_whole() -> None:
    """As many reasons as there is room for, never half of one, and how many more there are."""
    reasons = ("critic_not_passed", "max_position", "stale_data")
    assert reasons_words(reasons, 20) == "critic_not_passed +2"
    assert reasons_words(reasons, 34) == "critic_not_passed, max_position +1"
    assert reasons_words(reasons, 99) == ", ".join(reasons)
    assert reasons_words((), 20) == "—"


def test_the_page_of_a_cycle_that_was_told_to_end_says_why() -> None:
    """In the words of the list, which knows its job's run."""
    source, ended = shadow_source("normal"), replace(CYCLES[2], reasons=("cancelled by mara",))
    source.shadow_facts = replace(FACTS, cycles=(ended,))
    body = {**BODY, "outcome": "aborted", "reasons": ["ended"]}
    assert with_ending(source, ended.seq, body)["reasons"] == ["cancelled by mara"]
    assert with_ending(source, ended.seq + 1, body) == body
    assert with_ending(source, ended.seq, BODY) == BODY


def test_no_count_of_the_cycles_is_cut() -> None:
    """Whatever there is to count, the title fits in 80 columns, with what is newer in it."""
    counts = CycleFigures(12_604, 9_036, 2_520, 1_001, 47, (("max_position", 2_000),))
    replayed = [replace(one, replayed=True) for one in CYCLES]
    for cycles in (CYCLES, replayed):
        title, right = look.cycles_head(cycles, "7 d", 80, shown=(counts, True), newer=118)
        assert sum(cell_len(span.text) for span in (*title, *right)) <= 74
        assert "118 newer · f follows" in text_of([title])
        assert "✗ 47" in text_of([title])


def test_a_job_says_when_it_runs() -> None:
    """The word of its zone at its next time; none for what no zone shifts; no next of what is off."""
    hourly, often, *_ = FACTS.jobs
    assert look.schedule_words(hourly, NOW) == "5 * * * 1-5 CET"
    assert look.schedule_words(hourly, NOW.replace(month=7)) == "5 * * * 1-5 CET"
    assert look.schedule_words(replace(hourly, next_at=None), NOW.replace(month=7)) == "5 * * * 1-5 CEST"
    assert look.schedule_words(often, NOW) == "every 15m"
    assert look.schedule_words(replace(hourly, timezone=HOSTILE), NOW)
    assert look.until_words(hourly, NOW).text == "55m"
    assert look.until_words(replace(hourly, state=JobState.PAUSED), NOW).text == "—"


@pytest.mark.parametrize("name", list(SORTS))
def test_every_list_can_be_sorted_by_every_column(name: str) -> None:
    """No key fails over what is not known; turned round it is the other way."""
    shown = facts("alarming")
    rows = {
        "shadow-jobs": shown.jobs,
        "shadow-cycles": shown.cycles,
        "shadow-drift": shown.drift,
        "shadow-ready": ready_look.criteria_rows(shown.readiness),
    }[name]
    for at in range(len(SORTS[name])):
        one = sorted_rows(name, rows, at, turned=False, now=NOW)
        other = sorted_rows(name, rows, at, turned=True, now=NOW)
        assert sorted(map(id, one)) == sorted(map(id, other)) == sorted(map(id, rows))


def test_what_speaks_for_a_release_is_said_and_that_nothing_does() -> None:
    """Gold cases since the quarantine, counted and dated; without any no evidence, and never green."""
    passed = GoldSince(2, 24, 24, NOW - timedelta(minutes=2))
    for gold, said, tone in (
        (passed, "✓ 24 of 24 gold cases passed in 2 rounds  2m", Tone.OK),
        (replace(passed, passed=23), "✗ 23 of 24 gold cases passed in 2 rounds  2m", Tone.BAD),
        (
            replace(passed, passed=20, clean=1),
            "▲ 20 of 24 gold cases passed, last 1 of 2 rounds clean  2m",
            Tone.WARN,
        ),
        (GoldSince(), "▲ no gold case was answered: no evidence for a release", Tone.WARN),
        (None, "▲ no gold case was answered: no evidence for a release", Tone.WARN),
    ):
        one = replace(QUARANTINED, gold_since=gold)
        assert drift_look.gold_since_span(one, NOW) == Span(said, tone)
        assert said in text_of(list(drift_look.model_lines(one, {}, NOW, 80)))
    assert "since then" not in text_of(list(drift_look.model_lines(DRIFT[0], {}, NOW, 80)))
