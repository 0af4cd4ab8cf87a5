"""The live source over a ledger that the real writer made: the figures of counting by hand, kept cheaply."""

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from ledger_seed import NOW, SLOTS, TEXT, one_call, seed_ledger

from peak_console.config.workspace import Workspace
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.clock import ManualClock
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.views.freshness import Health
from peak_console.operations.views.hop_fold import CLOSING, line_of
from peak_console.operations.views.live import Window
from peak_console.operations.views.live_source import LiveSource, open_source
from peak_console.operations.views.nowhere_source import NowhereSource

CALLS = 1500


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with 1,500 calls in its last 750 seconds."""
    root = tmp_path_factory.mktemp("seeded")
    (root / "configs" / "ai").mkdir(parents=True)
    (root / "configs" / "ai" / "layer_model_matrix.toml").write_text("", encoding="utf-8")
    seed_ledger(root / "audits" / "ledger.db", end=NOW, calls=CALLS, per_second=2.0)
    return root


@pytest.fixture
def workspace(seeded: Path, tmp_path: Path) -> Workspace:
    """A copy of it that a test may change."""
    shutil.copytree(seeded, tmp_path / "desk")
    return Workspace(tmp_path / "desk")


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands where the ledger ends."""
    return ManualClock(NOW)


@pytest.fixture
def source(workspace: Workspace, clock: ManualClock) -> Iterator[LiveSource]:
    """The live source over the copy."""
    live = LiveSource(workspace, clock=clock)
    yield live
    live.close()


def _events(workspace: Workspace) -> list[tuple[str, object]]:
    with LedgerReader(workspace.ledger) as reader:
        return [(event.kind, event) for event in reader.read(0, 100_000)]


@pytest.mark.parametrize("window", [Window.H1, Window.H24, Window.D7])
def test_figures_agree_with_counting_the_events(
    source: LiveSource, workspace: Workspace, window: Window
) -> None:
    """Calls, errors, refusals, cost and verdicts are those of the events, whatever the window."""
    kinds = [kind for kind, _ in _events(workspace)]
    failed, refused = kinds.count("llm.call.failed"), kinds.count("llm.call.refused")
    snapshot = source.live(window)
    figures = snapshot.figures
    assert figures.calls == kinds.count("llm.call.completed") + failed
    assert figures.refused == refused
    assert figures.error_pct == pytest.approx(100 * failed / figures.calls)
    assert figures.critic_judged == kinds.count("critic.judged")
    assert figures.cost_today == sum(row.cost_today for row in snapshot.rows) > 0
    assert figures.p50_ms is not None
    assert figures.p95_ms is not None
    assert figures.p50_ms < figures.p95_ms
    assert {row.slot.model_id for row in snapshot.rows} == {slot[3] for slot in SLOTS}
    volume = sum(point or 0 for _, points in snapshot.series.volume for point in points)
    assert volume > 0


def test_five_minutes_are_finer_than_a_rollup(source: LiveSource) -> None:
    """The short window has a point for each five seconds, once the past has been read back slice by slice."""
    for _ in range(6):
        snapshot = source.live(Window.M5)
    assert snapshot.series.step_s == 5
    for _, points in snapshot.series.volume:
        assert len(points) == 60
    sent = sum(sum(point or 0 for point in points) for _, points in snapshot.series.volume) / 12
    assert sent == pytest.approx(2 * 295 * 0.995, rel=0.1)
    assert len([point for point in snapshot.series.p95_ms if point is not None]) >= 25


def test_new_events_reach_the_next_snapshot(
    source: LiveSource, workspace: Workspace, clock: ManualClock
) -> None:
    """What is appended between two looks is in the second, at the top of the tail and in the sums."""
    before = source.live(Window.H1)
    dice = random.Random(3)  # noqa: S311 - made-up figures
    drafts = [draft for number in range(50_000, 50_040) for draft in one_call(number, SLOTS[0], dice)]
    with LedgerWriter(workspace.ledger, clock=clock, projections=[Rollups()]) as writer:
        writer.append([(draft, "test") for draft in drafts])
    clock.advance(1)
    after = source.live(Window.H1)
    closing = [draft for draft in drafts if draft.kind in set(CLOSING.values())]
    sent = [draft for draft in closing if draft.kind != EventKind.CALL_REFUSED]
    assert after.figures.calls == before.figures.calls + len(sent)
    assert after.tail[0].call_id == closing[-1].call_id


def _hop(
    number: int, role: str, kind: EventKind, more: dict[str, object] | None = None, provider: str = "openai"
) -> EventDraft:
    """One event of a call by L3: its role tells the model."""
    where = {"run_id": "20261122_140000_abc", "call_id": f"call_x{number}", "layer": "L3", "role": role}
    drafts = one_call(number, SLOTS[5], random.Random(5))  # noqa: S311 - made-up figures
    bodies = {draft.kind: dict(draft.body) for draft in drafts}
    body = bodies.get(kind) or bodies[EventKind.CALL_COMPLETED]
    event_id = f"ev_x{number}_{role}_{kind.value}"
    return EventDraft(
        event_id, kind, body | (more or {}), **where, provider=provider, model_id=f"{role}-model"
    )


def _append(workspace: Workspace, clock: ManualClock, *drafts: EventDraft) -> None:
    with LedgerWriter(workspace.ledger, clock=clock, projections=[Rollups()]) as writer:
        results = writer.append([(draft, "test") for draft in drafts])
    assert not [one for one in results if isinstance(one, Exception)], results


_FAILED: dict[str, object] = {
    "reason": "timeout",
    "outcome": "next_candidate",
    "detail": "",
    "cost_basis": "none",
}


def test_fallback_shares_are_of_answers_and_never_above_hundred(tmp_path: Path, clock: ManualClock) -> None:
    """Fallbacks taken whose calls are still open count for nothing; a fallback's own row has no share."""
    workspace = Workspace(tmp_path)
    seed_ledger(workspace.ledger, end=NOW, calls=0)
    taken: dict[str, object] = {
        "from": {},
        "to": {"provider": "google", "model_id": "fallback-model"},
        "reason": "timeout",
    }
    drafts = [_hop(number, "fallback", EventKind.FALLBACK_TAKEN, taken) for number in range(20)]
    drafts += [_hop(number, "primary", EventKind.CALL_FAILED, _FAILED) for number in range(20)]
    drafts += [_hop(99, "fallback", EventKind.CALL_COMPLETED, provider="google")]
    drafts += [_hop(number, "primary", EventKind.CALL_COMPLETED) for number in range(40, 43)]
    _append(workspace, clock, *drafts)
    source = LiveSource(workspace, clock=clock)
    snapshot = source.live(Window.H1)
    source.close()
    shares = {row.slot.role: row.fallback_pct for row in snapshot.rows if row.calls}
    assert shares == {"primary": 25.0, "fallback": None}
    assert snapshot.figures.fallback_pct == 25.0


def test_a_refused_key_alerts_until_the_provider_answers(
    source: LiveSource, workspace: Workspace, clock: ManualClock
) -> None:
    """One 401 is enough, whatever else goes well; an answer of the same provider ends it."""
    assert source.live(Window.H1).refused_keys == ()
    refused = _FAILED | {"reason": "authentication"}
    _append(workspace, clock, _hop(7, "primary", EventKind.CALL_FAILED, refused, "google"))
    clock.advance(1)
    snapshot = source.live(Window.H1)
    assert snapshot.refused_keys == ("google",)
    assert "check GEMINI_API_KEY" in {one.action for one in snapshot.alerts}
    _append(workspace, clock, _hop(8, "primary", EventKind.CALL_COMPLETED, provider="google"))
    assert source.live(Window.H1).refused_keys == ()


def test_without_a_window_a_young_ledger_is_looked_at_closely(tmp_path: Path, clock: ManualClock) -> None:
    """Five minutes until the ledger is ten minutes old, then the hour."""
    workspace = Workspace(tmp_path)
    seed_ledger(workspace.ledger, end=NOW, calls=120, per_second=2.0)
    source = LiveSource(workspace, clock=clock)
    assert source.live(None).window is Window.M5
    clock.advance(600)
    assert source.live(None).window is Window.H1
    assert source.live(Window.D7).window is Window.D7
    source.close()


def test_closed_windows_are_not_read_again(
    source: LiveSource, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first look only the last windows are asked for."""
    asked: list[int] = []
    real = LedgerReader.rollups

    def counting(self: LedgerReader, width: int, since: int = 0, until: int | None = None) -> object:
        asked.append(since)
        return real(self, width, since, until)

    source.live(Window.H1)
    monkeypatch.setattr(LedgerReader, "rollups", counting)
    clock.advance(1)
    source.live(Window.H1)
    assert min(asked) >= NOW.timestamp() - 2 * 3600
    assert asked[-1] >= NOW.timestamp() - 120


def test_a_gap_without_data_is_no_zero(source: LiveSource) -> None:
    """Before the ledger began there is no data; after it, silence is zero."""
    points = source.live(Window.H1).series.cost_eur_per_h
    assert points[0] is None
    assert points[-1] is not None


def test_calls_page_by_key_and_filter(source: LiveSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages join without a hole or a double, under a filter too."""
    monkeypatch.setattr("peak_console.operations.views.live_source._PATIENCE_S", 60.0)
    every = source.calls("", None, 5000)
    assert [line.seq for line in every.lines] == sorted((line.seq for line in every.lines), reverse=True)
    for text in ("", "layer:L2", "outcome:failed", "latency>3s", "model:gpt-5*", "-provider:openai"):
        seen: list[int] = []
        before: int | None = None
        while True:
            page = source.calls(text, before, 70)
            seen += [line.seq for line in page.lines]
            if page.next_before is None:
                break
            before = page.next_before
        whole = source.calls(text, None, 5000)
        assert seen == [line.seq for line in whole.lines], text
        assert len(seen) == len(set(seen))


def test_a_page_says_how_far_it_looked(source: LiveSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that finds nothing in time gives where it stopped, and goes on from there."""
    monkeypatch.setattr("peak_console.operations.views.live_source._PATIENCE_S", -1.0)
    page = source.calls("latency>1h")
    assert page.lines == ()
    assert page.next_before is not None
    assert page.scanned_to == page.next_before < page.head_seq


def test_a_calls_page_has_its_why_and_its_place(source: LiveSource, workspace: Workspace) -> None:
    """Route, hop, money, texts by their hash, and the chain recomputed."""
    line = next(line for line in source.calls("outcome:ok", None, 10).lines)
    folder = workspace.runs / line.run_id
    folder.mkdir(parents=True)
    sha256 = sha256_hex(TEXT.encode())
    (folder / "texts.jsonl").write_text(
        f'broken line\n{{"sha256": "{sha256}", "kind": "answer", "call_id": "x", "text": "{TEXT}"}}\n',
        encoding="utf-8",
    )
    detail = source.call(line.call_id)
    assert detail.hops[0].line == line
    assert detail.route[0].admitted
    assert detail.prompt == "market-outlook@1"
    answer = next(text for text in detail.texts if text.kind == "answer")
    assert answer.text == TEXT
    assert answer.matches is True
    assert all(place.header_holds and place.body_holds and place.link_holds for place in detail.chain)
    (folder / "texts.jsonl").write_text(
        f'{{"sha256": "{sha256}", "kind": "answer", "call_id": "x", "text": "changed"}}\n', encoding="utf-8"
    )
    changed = next(text for text in source.call(line.call_id).texts if text.kind == "answer")
    assert changed.matches is False


def test_an_unknown_call_says_so(source: LiveSource) -> None:
    """The page says in words that there is nothing."""
    assert "not in the ledger" in source.call("call_nowhere").missing


def test_a_ledger_that_goes_bad_leaves_the_last_good_figures(
    source: LiveSource, workspace: Workspace, clock: ManualClock
) -> None:
    """Age and reason stand beside them, and they come back with the ledger."""
    good, page = source.live(Window.H1), source.calls()
    source.bar()
    whole = workspace.ledger.read_bytes()
    workspace.ledger.unlink()
    workspace.ledger.write_bytes(b"this is not a database, whatever its name says" * 100)
    clock.advance(9)
    bar, stale, stale_page = source.bar(), source.live(Window.H1), source.calls()
    assert stale.figures == good.figures
    assert stale.freshness.health(clock.now()) is Health.STALE
    assert "is not a database" in stale.freshness.why
    assert stale_page.lines == page.lines
    assert bar.ledger.seq > 0
    assert bar.ledger.freshness.why
    assert "ledger_unavailable" in {alert.code for alert in stale.alerts}
    workspace.ledger.unlink()
    workspace.ledger.write_bytes(whole)
    assert source.live(Window.H1).freshness.health(clock.now()) is Health.FRESH


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_ledger_that_was_never_good_says_why(tmp_path: Path, content: bytes) -> None:
    """Nothing is raised; there are no figures, and a reason where there is a fault."""
    (tmp_path / "audits").mkdir()
    (tmp_path / "audits" / "ledger.db").write_bytes(content)
    source = LiveSource(Workspace(tmp_path), clock=ManualClock(NOW))
    assert source.live(Window.H1).figures.calls == 0
    fresh = source.calls().freshness
    assert fresh.why or not content
    assert source.bar().posture.calls is False
    assert source.call("call_x").missing
    source.close()


def test_a_workspace_without_a_ledger_is_new_not_broken(tmp_path: Path) -> None:
    """There is nothing to show, and that is no fault."""
    source = LiveSource(Workspace(tmp_path), clock=ManualClock(NOW))
    snapshot = source.live(Window.H1)
    assert snapshot.workspace_new
    assert snapshot.freshness.health(NOW) is Health.FRESH
    assert source.log().lines == ()
    source.close()


def test_without_a_workspace_every_screen_says_so() -> None:
    """Posture unknown, which acts as stopped; the reason on every page."""
    source = open_source(None, problem="no workspace here", clock=ManualClock(NOW))
    assert isinstance(source, NowhereSource)
    bar = source.bar()
    assert bar.posture.state.value == "UNKNOWN"
    assert bar.posture.calls is False
    assert source.live(Window.H1).freshness.why == "no workspace here"
    assert source.calls().freshness.why
    assert source.log().problem
    assert source.call("x").missing
    source.close()


def test_a_body_that_is_not_as_it_should_be_is_read_as_far_as_it_goes(workspace: Workspace) -> None:
    """A line is made of any body at all."""
    with LedgerReader(workspace.ledger) as reader:
        event = reader.latest(1)[0]
    for body in (
        None,
        {},
        {"usage": 3, "hop": "x", "latency_us": True, "cost_eur": "much", "route": [1], "attempts": {}},
    ):
        shown = line_of(replace(event, kind="llm.call.completed", body=body))
        assert shown is not None
        assert shown.cost is None


def test_the_day_begins_in_the_budgets_zone(workspace: Workspace, clock: ManualClock) -> None:
    """Yesterday's cost is not today's: the day turns at midnight in Berlin, not in UTC."""
    source = LiveSource(workspace, clock=clock)
    assert (source.live(Window.D7).figures.cost_today or 0) > 0
    clock.advance(timedelta(hours=9, minutes=30).total_seconds())  # 23:35 UTC, 00:35 in Berlin
    assert source.live(Window.D7).figures.cost_today == 0
    source.close()


def test_a_draft_is_what_the_seed_says() -> None:
    """The seed's drafts are drafts."""
    assert all(isinstance(draft, EventDraft) for draft in one_call(1, SLOTS[0], random.Random(1)))  # noqa: S311 - likewise


def test_calls_that_broke_off_are_counted_as_they_are_listed(tmp_path: Path) -> None:
    """Two streams answered, one cut, one cancelled, one caller lost, one never sent: 5 sent of 6."""
    where = {"layer": "L2", "role": "primary", "provider": "openai", "model_id": "gpt-5"}
    attempt = {"number": 1, "reason": "ok", "status": 200, "latency_us": 90_000, "waited_ms": 0}
    usage = {"input": 3, "output": 2}
    ends: list[tuple[str, dict[str, object]]] = [
        *[("ok", {"attempts": [attempt], "usage": usage, "streamed": True, "cost_basis": "usage"})] * 2,
        ("stream_cut", {"attempts": [{**attempt, "reason": "stream_cut"}], "cost_basis": "worst_case"}),
        ("cancelled", {"attempts": [], "cost_basis": "worst_case"}),
        ("caller_lost", {"attempts": [], "cost_basis": "worst_case"}),
        ("no_key", {"attempts": [], "cost_basis": "none"}),
    ]
    drafts = [EventDraft("ev_0", EventKind.WORKSPACE_INITIALISED, {"simulated": True})]
    for number, (reason, end) in enumerate(ends):
        kind = EventKind.CALL_COMPLETED if reason == "ok" else EventKind.CALL_FAILED
        body = {"hop": 1, "reason": reason, "cost_eur": "0.010000000", "latency_us": 90_000, **end}
        drafts.append(EventDraft(f"ev_{number + 1}", kind, body, call_id=f"call_{number}", **where))
    path = Workspace(tmp_path).ledger
    path.parent.mkdir(parents=True)
    with LedgerWriter(path, clock=ManualClock(NOW), projections=[Rollups()]) as writer:
        results = writer.append([(draft, "mara") for draft in drafts])
    assert not [one for one in results if isinstance(one, Exception)]
    live = LiveSource(Workspace(tmp_path), clock=ManualClock(NOW + timedelta(seconds=30)))
    snapshot = live.live(Window.M5)
    live.close()
    assert (snapshot.figures.calls, snapshot.figures.ended) == (5, 6)
    assert snapshot.figures.error_pct == pytest.approx(100 * 4 / 6)
    (row,) = snapshot.rows
    assert (row.calls, row.errors, row.error_pct) == (5, 4, snapshot.figures.error_pct)
    assert sum(point or 0 for _, points in snapshot.series.volume for point in points) / 12 == 5
