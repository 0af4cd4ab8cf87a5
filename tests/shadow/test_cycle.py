"""One shadow cycle: what it does, in which order, how each early end is recorded, whose book it writes."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from shadow.cycle_world import job, permit, stop, world
from shadow.scripted import FAIL, MODELS, OUTLOOK, Desk, Said, desk, exhausted, idea

from peak_console.config.workspace import Workspace
from peak_console.demo.workspace import make_demo_workspace
from peak_console.domain.artefacts import result_faults
from peak_console.domain.clock import unix_us
from peak_console.domain.errors import (
    BudgetExceeded,
    CallRefused,
    ControlRefused,
    EnvironmentUnfit,
    NodeUnreachable,
)
from peak_console.domain.events import EventDraft
from peak_console.domain.jobs import RunState
from peak_console.risk.document import inputs_from
from peak_console.risk.gate import decide
from peak_console.shadow.book import book_digest
from peak_console.shadow.cycle import run_cycle
from peak_console.shadow.working import WorkEnd

FOLDER = "demo"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A demo workspace; each test has a ledger of its own in it."""
    return make_demo_workspace(tmp_path_factory.mktemp("cycle") / FOLDER, today=datetime.now(UTC).date())


@pytest.fixture
def bars(made: Workspace) -> Iterator[Path]:
    """A file of hourly bars at 1.179 that ended now; the workspace has no stop."""
    path = made.root / "bars.csv"
    write_bars(path, 60, datetime.now(UTC) - timedelta(hours=60, seconds=1))
    yield path
    (made.control / "STOP").unlink(missing_ok=True)


def write_bars(path: Path, count: int, start: datetime, *, last: str = "1.17900") -> None:
    """So many quiet bars."""
    rows = [
        f"{start + timedelta(hours=one):%Y-%m-%dT%H:%M:%SZ},1.179,1.185,1.175,1.179,1" for one in range(count)
    ]
    rows[-1] = rows[-1].replace("1.179,1", f"{last},1")
    path.write_text("\n".join(["time,open,high,low,close,volume", *rows]) + "\n")


def put(path: Path, text: str | None) -> None:
    """Another text into the file; ``None`` takes it away."""
    path.unlink()
    if text is not None:
        path.write_text(text)


LIVE: dict[str, Any] = {"replay": None, "file": {"path": "bars.csv"}}


async def cycled(at: Desk, key: str = "eurusd@1", **changes: Any) -> WorkEnd:
    """One cycle over the file of bars."""
    return await run_cycle(at.working(job(**(LIVE | changes)), key))


async def test_a_cycle_that_passes_fills_on_paper(made: Workspace, bars: Path) -> None:
    """Every layer once, gate and end in one append, the position in the book, five agents' pages."""
    batches: list[list[str]] = []
    with desk(made) as at:
        at.script.before_append = lambda drafts: batches.append([one.kind for one in drafts])
        end = await cycled(at)
        told, gates = at.ends()[0], at.events("gate.decided")
    assert (end.state, end.outcome) == (RunState.DONE, "would_allow"), end
    assert at.script.prompts == {
        "L2.primary": "shadow-outlook@1",
        "L3.primary": "shadow-hypothesis@1",
        "L4.primary": "shadow-critic@1",
        "L4.critic": "shadow-verdict-critic@1",
    }
    assert at.script.asked == list(at.script.prompts)
    assert ["gate.decided", "shadow.cycle.finished"] in batches
    assert told["intent"]["side"] == "buy"
    assert Decimal(told["fill"]["fee_eur"]) > 0
    assert told["book"]["state"]["positions"][0][:2] == ["EUR/USD", told["intent"]["quantity"]]
    assert told["book"]["ideas"][0]["invalidation_level"] == "1.159"
    assert (told["book_before"], told["book"]["cycles"], told["sod_ok"]) == ("", 1, True)
    assert told["cost_eur"] == "0.004000000"
    body = gates[0].body
    assert body is not None
    assert (body["would"], body["venue_kind"], gates[0].event_id) == (
        "allow",
        "none",
        told["gate"]["event_id"],
    )
    again = decide(body["inputs"])
    assert (again.verdict.value, again.inputs_digest) == (body["verdict"], body["inputs_digest"])
    for agent in ("analyst", "advisor", "critic", "gate", "review"):
        assert result_faults(at.page(end.run_id, agent)) == []
    assert f"buy {told['intent']['quantity']} EUR/USD at the market" in at.page(end.run_id, "review")


async def test_the_budget_is_the_runs(made: Workspace, bars: Path) -> None:
    """What the job may spend bounds its run."""
    with desk(made) as at:
        await run_cycle(at.working(job(budget={"max_calls": 3}, **LIVE)))
    assert at.script.limits["max_calls"] == 3


async def test_critics_that_do_not_pass_block(made: Workspace, bars: Path) -> None:
    """The gate is asked all the same, so that its reasons are on record; nothing is filled."""
    with desk(made, L4_primary=FAIL) as at:
        end = await cycled(at)
        told = at.ends()[0]
    assert (end.outcome, told["gate"]["reasons"]) == ("would_block", ["critic_not_passed"])
    assert (told["fill"], told["book"]["state"]["positions"]) == (None, [])


async def test_a_rate_of_long_ago_is_not_taken_for_one_of_now(made: Workspace, bars: Path) -> None:
    """The config's EUR rate is of its day: past the gate's limit for rates, the cycle blocks."""
    day = datetime.now(UTC).date() - timedelta(days=40)
    with desk(made) as at:
        end = await cycled(at, eur_as_of=day)
        body = at.events("gate.decided")[0].body
    assert (end.outcome, end.detail.endswith("stale_data")) == ("would_block", True)
    assert body is not None
    ((_, quote),) = body["inputs"]["market"]["quotes"]
    assert quote["eur_at_us"] == unix_us(datetime(day.year, day.month, day.day, tzinfo=UTC))


async def test_one_model_in_two_duties_blocks(
    made: Workspace, bars: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The author of the outlook must not be the policy critic, on the models that answered."""
    monkeypatch.setitem(MODELS, "L2.primary", ("openai", "gpt-5.1"))
    with desk(made) as at:
        end = await cycled(at)
        told = at.ends()[0]
    assert (end.outcome, told["sod_ok"], told["gate"]["reasons"]) == ("would_block", False, ["sod_failed"])
    assert told["sod_detail"].startswith("L2 and L4")


async def test_from_shadow_on_a_failed_outlook_is_not_advised_upon(made: Workspace, bars: Path) -> None:
    """The critic's verdict comes first, and a person looks."""
    with desk(made, L2_critic=FAIL) as at:
        permit(made, phase="shadow")
        end = await cycled(at)
    assert (end.state, end.outcome, end.detail) == (RunState.DONE, "review_required", "critic_failed")
    assert "L3.primary" not in at.script.asked


@pytest.mark.usefixtures("bars")
@pytest.mark.parametrize(
    ("said", "outcome", "reason", "state"),
    [
        ({"L2_primary": ControlRefused("stopped", code="posture")}, "aborted", "posture", RunState.ABORTED),
        (
            {"L3_primary": ControlRefused("layer", code="scope_stopped")},
            "aborted",
            "scope_stopped",
            RunState.ABORTED,
        ),
        (
            {"L3_primary": CallRefused("out of use", code="model_quarantined")},
            "aborted",
            "model_quarantined",
            RunState.ABORTED,
        ),
        ({"L2_primary": BudgetExceeded("all spent")}, "aborted", "budget_exceeded", RunState.FAILED),
        ({"L3_primary": BudgetExceeded("all spent")}, "review_required", "budget_exceeded", RunState.DONE),
        ({"L4_primary": BudgetExceeded("all spent")}, "review_required", "budget_exceeded", RunState.DONE),
        ({"L2_primary": exhausted("timeout", "overloaded")}, "aborted", "exhausted", RunState.FAILED),
        ({"L3_primary": exhausted("timeout", "malformed")}, "review_required", "exhausted", RunState.DONE),
        ({"L3_primary": exhausted("malformed", "malformed")}, "review_required", "malformed", RunState.DONE),
        ({"L2_primary": "no JSON"}, "review_required", "malformed", RunState.DONE),
        (
            {"L3_primary": idea("1.17900", view="none", invalidation_level=None, no_trade_reason="flat")},
            "no_trade",
            "no_view",
            RunState.DONE,
        ),
        ({"L3_primary": idea("1.30000")}, "no_trade", "reference_off", RunState.DONE),
    ],
)
async def test_each_early_end_is_recorded(
    made: Workspace, said: dict[str, Said], outcome: str, reason: str, state: RunState
) -> None:
    """As the layer's on_exhausted says; with its reason, the book as it was, and a review."""
    with desk(made, **said) as at:
        end = await cycled(at)
        told, runs = at.ends()[0], at.events("run.finished")
    assert (end.outcome, end.state, told["outcome"], told["reasons"]) == (outcome, state, outcome, [reason])
    assert (told["gate"], told["book"]["state"]["positions"], told["book"]["cycles"]) == (None, [], 1)
    assert result_faults(at.page(end.run_id, "review")) == []
    body = runs[0].body
    assert body is not None
    assert body["outcome"] == ("ok" if state is RunState.DONE else "aborted")


async def test_an_answer_of_no_shape_is_asked_for_once_more(made: Workspace, bars: Path) -> None:
    """And taken, when it then has it."""
    with desk(made, L2_primary=["declined", OUTLOOK]) as at:
        end = await cycled(at)
    assert (end.outcome, at.script.asked.count("L2.primary")) == ("would_allow", 2)


@pytest.mark.parametrize(
    ("text", "code"),
    [(None, "data_missing"), ("time,open\n1,NaN\n", "data_columns"), ("\x00\xff", "data_empty")],
)
async def test_data_that_cannot_be_used_costs_no_call(
    made: Workspace, bars: Path, text: str | None, code: str
) -> None:
    """The cycle is recorded with the reason, and the job counts as failed."""
    put(bars, text)
    with desk(made) as at:
        end = await cycled(at)
        told = at.ends()[0]
    assert (end.state, end.outcome, told["reasons"], at.script.asked) == (
        RunState.FAILED,
        "aborted",
        [code],
        [],
    )
    assert (told["source"], told["as_of"], told["replayed"]) == (None, None, False)


@pytest.mark.parametrize(
    ("key", "state", "outcome", "asked"),
    [
        ("hypothesis_prompt", RunState.DONE, "review_required", ["L2.primary"]),
        ("critic_prompt", RunState.FAILED, "aborted", []),
        ("verdict_prompt", RunState.FAILED, "aborted", []),
    ],
)
@pytest.mark.usefixtures("bars")
async def test_what_is_wrong_with_the_configs_is_recorded(
    made: Workspace, key: str, state: RunState, outcome: str, asked: list[str]
) -> None:
    """A prompt that is not there costs no call of its layer; one of a judge no call at all."""
    with desk(made) as at:
        end = await cycled(at, **{key: "gone@1"})
        told = at.ends()[0]
    assert (end.state, end.outcome, told["reasons"]) == (state, outcome, ["prompt_missing"])
    assert at.script.asked == asked


async def test_a_node_that_is_gone_ends_the_cycle(made: Workspace, bars: Path) -> None:
    """It says so where it still can, and raises: its job's run has failed."""
    with desk(made, L3_primary=NodeUnreachable("no node answers")) as at:
        with pytest.raises(NodeUnreachable):
            await cycled(at)
        told = at.ends()[0]
    assert (told["outcome"], told["reasons"], told["book"]["cycles"]) == ("aborted", ["node_unreachable"], 1)


async def test_a_defect_is_recorded_and_raised(
    made: Workspace, bars: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The book goes on as it was."""
    monkeypatch.setattr("peak_console.shadow.stages.intent_from", lambda *_, **__: 1 / 0)
    with desk(made) as at:
        with pytest.raises(ZeroDivisionError):
            await cycled(at)
        told, runs = at.ends()[0], at.events("run.finished")
    assert (told["outcome"], told["reasons"]) == ("aborted", ["internal_error"])
    assert runs[0].body is not None
    assert runs[0].body["outcome"] == "failed"


async def test_stale_data_is_gone_through_and_blocks(made: Workspace, bars: Path) -> None:
    """By the job's own limit also where the gate's is wider."""
    write_bars(bars, 60, datetime.now(UTC) - timedelta(hours=64))
    with desk(made) as at:
        end = await cycled(at, max_age_s=3600)
        told = at.ends()[0]
    assert (end.outcome, told["stale"], told["gate"]["reasons"]) == ("would_block", True, ["stale_data"])


async def test_replay_is_for_simulations_and_research(made: Workspace, bars: Path) -> None:
    """History is no market."""
    with desk(made) as at:
        permit(made, phase="shadow", simulated=False)
        end = await cycled(at, replay={"start": 0})
    assert (end.outcome, end.state, at.script.asked) == ("aborted", RunState.FAILED, [])
    assert at.ends()[0]["reasons"] == ["replay_refused"]


async def test_the_next_cycle_goes_on_from_the_book(made: Workspace, bars: Path) -> None:
    """Positions, their ideas and scores; each cycle names the state it began with."""
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=60)
    none = idea("1.17900", view="none", invalidation_level=None, no_trade_reason="flat")
    with desk(made, L3_primary=[idea("1.17900", horizon_h=2), none]) as at:
        replay = {"start": 0, "step": 9}
        for number in range(2):
            write_bars(bars, 60, start)
            await cycled(at, f"eurusd@{number}", replay=replay, window=10)
        first, second = at.ends()
    assert second["book_before"] == book_digest(first["book"])
    assert [one["reason"] for one in second["exits"]] == ["horizon"]
    assert (second["book"]["state"]["positions"], second["book"]["ideas"]) == ([], [])
    assert second["review"][0]["run_id"] == at.events("shadow.cycle.finished")[0].run_id
    assert (second["review"][0]["happened"], second["review"][0]["idea"]) == ("down", "miss")
    assert second["book"]["score"]["outlooks"] == 1
    assert (first["source"]["place"], second["source"]["place"]) == (9, 18)


async def test_history_that_begins_again_scores_nothing_twice(made: Workspace, bars: Path) -> None:
    """What was said in an earlier round is not held against this one; an open position is closed."""
    start = datetime.now(UTC) - timedelta(hours=200)
    write_bars(bars, 20, start)
    with desk(made) as at:
        for number in range(4):
            await cycled(at, f"eurusd@{number}", replay={"start": 0, "step": 4}, window=10)
        told = at.ends()
    assert [(one["source"]["place"], one["source"]["round"]) for one in told] == [
        (9, 0),
        (13, 0),
        (17, 0),
        (10, 1),
    ]
    assert [len(one["review"]) for one in told] == [0, 0, 1, 0]
    assert told[3]["exits"][0]["reason"] == "history_again"
    assert told[3]["notes"][0].startswith("History began again")


async def test_the_same_claim_is_never_two_orders(made: Workspace, bars: Path) -> None:
    """A run that its node begins again has the intent of the first, which the gate knows."""
    with desk(made, L3_primary=[idea("1.17900"), idea("1.17900", conviction="low")]) as at:
        await cycled(at, sizing=sizing(max_notional_eur=Decimal(300)))
        end = await cycled(at, sizing=sizing(max_notional_eur=Decimal(700)))
        told = at.ends()
    assert told[0]["intent"]["intent_id"] == told[1]["intent"]["intent_id"]
    assert (end.outcome, "duplicate" in told[1]["reasons"]) == ("would_block", True)


async def test_nobody_is_surer_than_the_outlook(made: Workspace, bars: Path) -> None:
    """A conviction above its confidence counts as that confidence: half of what may be lost, here."""
    quantities = []
    for confidence in ("high", "low"):
        with desk(made, L2_primary=OUTLOOK | {"confidence": confidence}) as at:
            await cycled(at, sizing=sizing(risk_eur=Decimal(10)))
            quantities.append(Decimal(at.ends()[0]["intent"]["quantity"]))
            assert ("L2.critic" in at.script.asked) is (confidence == "low")
    assert quantities[0] == pytest.approx(2 * quantities[1], rel=Decimal("1e-4"))


def sizing(**changes: Decimal) -> dict[str, Decimal]:
    """A sizing with some figures changed."""
    return {"risk_eur": Decimal(50), "max_notional_eur": Decimal(900)} | changes


async def test_two_cycles_never_write_one_book_from_the_same_state(made: Workspace, bars: Path) -> None:
    """The second's decision does not count: its end says so, on the book as it is by then."""
    with desk(made) as at:
        between: list[str] = []

        async def other(drafts: Sequence[EventDraft]) -> None:
            between.append((await cycled(at, "eurusd@2")).outcome)

        append = at.script.append

        async def appended(drafts: Sequence[EventDraft]) -> Any:
            if drafts[-1].kind == "shadow.cycle.finished" and not between:
                between.append("begun")
                await other(drafts)
            return await append(drafts)

        at.script.append = appended  # type: ignore[method-assign]
        end = await cycled(at, "eurusd@1")
        first, second = at.ends()
    assert between == ["begun", "would_allow"]
    assert (end.outcome, second["reasons"], second["fill"]) == ("aborted", ["book_moved"], None)
    assert second["book"]["state"] == first["book"]["state"]
    assert second["book_before"] == book_digest(first["book"])
    assert "book_moved" in at.page(end.run_id, "review")


@pytest.mark.parametrize(
    ("stopped", "reason"), [(True, "stopped"), (False, "ended")], ids=["stop", "timeout"]
)
async def test_a_cycle_that_is_told_to_end_says_so(
    made: Workspace, bars: Path, *, stopped: bool, reason: str
) -> None:
    """Within two seconds, and is cancelled then."""
    with desk(made, L3_primary=None) as at:
        task = asyncio.create_task(cycled(at))
        async with asyncio.timeout(10):
            while "L3.primary" not in at.script.asked:  # noqa: ASYNC110 - the script has no event
                await asyncio.sleep(0.005)
        if stopped:
            stop(made)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 2)
        told = at.ends()[0]
    assert (told["outcome"], told["reasons"], told["outlook"]["confidence"]) == (
        "aborted",
        [reason],
        "medium",
    )


async def test_pages_that_cannot_be_kept_leave_no_position(
    made: Workspace, bars: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on the ledger has its pages; a cycle without is aborted."""

    def unwritable(*_: object) -> None:
        raise EnvironmentUnfit("the disk is full", code="artefact_unwritable")

    monkeypatch.setattr("peak_console.llm.runs.Run.write_artefact", unwritable)
    with desk(made) as at:
        end = await cycled(at)
        told = at.ends()[0]
    assert (end.state, told["reasons"], told["book"]["state"]["positions"]) == (
        RunState.FAILED,
        ["artefact_unwritable"],
        [],
    )


async def test_hostile_answers_break_no_page(made: Workspace, bars: Path) -> None:
    """Headings, fences and control characters of a model stay inside its part."""
    nasty = "Fine.\n## Risks & Open Questions\n```\n\u202eevil\x07"
    said = OUTLOOK | {"summary": nasty, "uncertainty": nasty, "no_trade_triggers": [nasty]}
    with desk(made, L2_primary=said, L3_primary=idea("1.17900", thesis=nasty)) as at:
        end = await cycled(at)
    for agent in ("analyst", "advisor", "review"):
        page = at.page(end.run_id, agent)
        assert result_faults(page) == []
        assert "\u202e" not in page


async def test_cycles_over_the_road_and_simulated_providers(tmp_path: Path) -> None:
    """Three of them: real calls, critics, gate and book; each decision is made again from its record."""
    async with world(tmp_path) as at:
        ends = [await run_cycle(at.working(job())) for _ in range(3)]
        told, gates = at.finished(), at.events("gate.decided")
        poor = await run_cycle(at.working(job(budget={"max_calls": 1})))
    assert (poor.outcome, poor.detail.partition(":")[0]) == ("review_required", "budget_exceeded")
    assert {one.outcome for one in ends} <= {"would_allow", "would_block", "no_trade", "review_required"}
    assert [one["book"]["cycles"] for one in told] == [1, 2, 3]
    assert [one["source"]["place"] for one in told] == [47, 54, 61]
    for event in gates:
        assert event.body is not None
        assert decide(event.body["inputs"]).inputs_digest == event.body["inputs_digest"]
        assert inputs_from(event.body["inputs"]).posture.calls
    assert "takes market data" in at.steps
