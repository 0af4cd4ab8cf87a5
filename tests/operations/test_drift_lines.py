"""Drift as people see it: the node's tests with what the ledger has; what speaks for a release."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.cli.drift import _lines, _released
from peak_console.config.incidents import ModelDrift
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import ManualClock, iso
from peak_console.domain.events import EventDraft
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.shadow.drift import DriftBook, OutOfUse, Recorded, drift_lines, lines_of
from peak_console.operations.shadow.drift_now import DriftNow, line_json
from peak_console.operations.shadow.releasing import Released, Support, support_of
from peak_console.operations.shapes_drift import DriftModelShape, DriftReleaseShape
from peak_console.operations.views.shadow import DriftState, GoldSince
from peak_console.stats.sprt import Side

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SLOT = {"layer": "L2", "role": "primary", "provider": "openai", "model_id": "gpt-5"}
MODEL = ("openai", "gpt-5")

STREAM = {
    "name": "refusal",
    "seen": 200,
    "hits": 21,
    "usual_pct": "5.000",
    "evidence": "6.20",
    "alarm_at": "10.597",
    "alarmed": False,
}


def report(**more: Any) -> dict[str, Any]:
    """What a node tells of one model."""
    told = {
        **SLOT,
        "state": "watch",
        "served": ["gpt-5", "gpt-5-2026-01-01"],
        "fingerprints": 3,
        "unexpected": ["fp_x"],
        "streams": [STREAM, {**STREAM, "name": "latency", "evidence": "1.00"}],
        "checks": {},
        "last_answer_at": iso(NOW),
    }
    return {"lock": "d" * 64, "models": [{**told, **more}]}


@pytest.fixture
def reader(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    """A ledger with the events that a test names, a minute apart."""
    clock = ManualClock(NOW - timedelta(hours=1))
    with LedgerWriter(tmp_path / "ledger.db", clock=clock) as writer:
        writer.append([(EventDraft("ev_0", "workspace.initialised", {"simulated": True}), "node")])
        for number, (kind, body) in enumerate(request.param, 1):
            clock.advance(60)
            writer.append([(EventDraft(f"ev_{number}", kind, {**SLOT, **body}), "node")])
    with LedgerReader(tmp_path / "ledger.db") as found:
        yield found


def out(reason: str = "it declines", **more: Any) -> tuple[str, dict[str, Any]]:
    """A quarantine."""
    return "model.quarantined", {"reason": reason, "incident_id": "inc_1", "operator": "node", **more}


def round_of(passed: int, cases: int = 15, **more: Any) -> tuple[str, dict[str, Any]]:
    """A round of gold cases."""
    body = {"tier": "canary", "cases": cases, "passed": passed, "ok": passed == cases, "failures": []}
    return "drift.checked", {**body, **more}


def put(passed: int, cases: int = 15, **more: Any) -> tuple[str, dict[str, Any]]:
    """A round that a quarantined model was put."""
    return round_of(passed, cases, out_of_use=True, **more)


def compared(p_value: str) -> tuple[str, dict[str, Any]]:
    """A two-sample test."""
    return "drift.checked", {"tier": "two_sample", "ok": p_value > "0.01", "p_value": p_value}


def lines(reader: LedgerReader, node: dict[str, Any] | None) -> Any:
    """The lines."""
    return drift_lines(Workspace(Path("nowhere")), reader, node, NOW)


@pytest.mark.parametrize("reader", [[]], indirect=True)
def test_a_model_is_told_as_the_node_tests_it(reader: LedgerReader) -> None:
    """State, names, streams and the strongest evidence."""
    (one,) = lines(reader, report())
    assert (one.name, one.slots, one.state) == ("openai:gpt-5", ("L2.primary",), DriftState.WATCH)
    assert (one.gauge, one.fingerprints, one.unexpected) == ((6.2, 10.597), 3, ("fp_x",))
    assert one.streams[0].usual_pct == 5.0
    assert DriftModelShape.model_validate(line_json(one)).evidence == 6.2
    assert lines(reader, None) == ()


@pytest.mark.parametrize("reader", [[round_of(13)]], indirect=True)
def test_a_model_that_is_not_tested_says_why(reader: LedgerReader) -> None:
    """Locked without a baseline, unknown to the lock, without a lock; answered last by whatever saw it."""
    for state, locked, lock, why in (
        ("not_tested", True, "abc", "the lock has no baseline of it"),
        ("unknown", True, "abc", "nothing was seen of it yet"),
        ("unknown", False, "abc", "the lock does not know it"),
        ("unknown", False, None, "no lock counts"),
    ):
        told = report()
        told["lock"] = lock
        told["models"][0] |= {"state": state, "locked": locked, "last_answer_at": None, "checks": {}}
        (one,) = lines(reader, told)
        assert (one.state, one.why[: len(why)]) == (state, why)
        assert one.canary is not None
        assert one.last_answer_at == one.canary.at


@pytest.mark.parametrize("reader", [[compared("0.4"), round_of(13), out()]], indirect=True)
def test_the_ledger_tells_what_is_out_of_use_and_checked(reader: LedgerReader) -> None:
    """With a node or without: why, since when, of which incident."""
    for node in (None, report()):
        (one,) = lines(reader, node)
        assert (one.state, one.why, one.incident_id) == (DriftState.QUARANTINED, "it declines", "inc_1")
        assert one.since == NOW - timedelta(minutes=57)
        assert (one.canary.detail, one.two_sample.detail) == ("13 of 15 gold cases passed", "p = 0.4")


@pytest.mark.parametrize("reader", [[round_of(4, 4, asked=15, unanswered=11)]], indirect=True)
def test_a_round_that_was_partly_unanswered_is_told_as_incomplete(reader: LedgerReader) -> None:
    """Nothing failed and nothing held: not ok, and its line says how many cases gave no answer."""
    (one,) = lines(reader, None)
    assert (one.canary.ok, one.canary.incomplete) == (False, True)
    assert one.canary.detail == "4 of 4 gold cases passed, 11 not answered"


@pytest.mark.parametrize("reader", [[out(), ("model.released", {}), out(model_id="other")]], indirect=True)
def test_what_was_let_back_is_not_told_as_out_of_use(reader: LedgerReader) -> None:
    """The newest of quarantine and release counts, of each model; one without a slot is told as well."""
    found = lines(reader, report(state="ok", unexpected=[]))
    assert [(one.model_id, one.state.value) for one in found] == [("other", "quarantined"), ("gpt-5", "ok")]
    assert found[0].slots == ()


DETECTED = ("drift.detected", {"signal": "latency", "summary": "slower", "incident_id": "inc_2"})


@pytest.mark.parametrize("reader", [[DETECTED]], indirect=True)
def test_what_only_alerts_is_told_with_its_incident(reader: LedgerReader) -> None:
    """Slower is no other model: it stays in use, and says why it is looked at."""
    (one,) = lines(reader, report(state="drifted"))
    assert (one.state, one.why, one.incident_id) == (DriftState.DRIFTED, "slower", "inc_2")
    (quiet,) = lines(reader, report(state="ok"))
    assert quiet.why == ""


@pytest.mark.parametrize("reader", [[out()]], indirect=True)
def test_the_book_goes_on(reader: LedgerReader) -> None:
    """A second look gives the same."""
    book = DriftBook()
    first = book.read(reader)
    assert book.read(reader) == first
    assert set(first.out) == {MODEL}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.just("nan"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from(sorted(report()["models"][0])), JSON, max_size=6))
def test_no_reply_breaks_the_lines(fields: dict[str, Any]) -> None:
    """Whatever stands in a reply, it is told or left out, and drawn in lines of one line each."""
    found = lines_of(Recorded(), report(**fields))
    now = DriftNow(NOW, found, told_by_node=True)
    assert all("\n" not in line for line in _lines(now))
    assert [line_json(one)["model"] for one in found] == [one.name for one in found]


def supported(reader: LedgerReader) -> tuple[Side, int, int, int]:
    """What speaks for the release of the model that is out of use."""
    record = DriftBook().read(reader)
    found = support_of(record, MODEL, record.out[MODEL], ModelDrift())
    return found.side, found.cases, found.failed, len(found.lines)


@pytest.mark.parametrize(
    ("reader", "expected"),
    [
        ([round_of(0), out()], (Side.OPEN, 0, 0, 0)),
        ([out(), round_of(0)], (Side.OPEN, 0, 0, 0)),
        ([out(), *[put(15)] * 2], (Side.OPEN, 30, 0, 2)),
        ([out(), *[put(15)] * 3], (Side.GOOD, 45, 0, 3)),
        ([out(), put(10), compared("0.001")], (Side.BAD, 15, 5, 2)),
        ([out(), put(16), put(3, cases=-1)], (Side.OPEN, 0, 0, 2)),
    ],
    indirect=["reader"],
)
def test_a_release_tells_what_checks_since_then_say(reader: LedgerReader, expected: Any) -> None:
    """Only those begun since the quarantine, by a test between a sound model and a changed one."""
    assert supported(reader) == expected


@pytest.mark.parametrize("reader", [[round_of(13), out()]], indirect=True)
def test_the_command_names_the_next_step(reader: LedgerReader) -> None:
    """Why, since when, which incident, and how it may work again."""
    told = "\n".join(_lines(DriftNow(NOW, lines(reader, report()), told_by_node=True, lock="d" * 64)))
    for words in ("QUARANTINED", "6.2 of 10.6 refusal", "it declines", "58 min ago"):
        assert words in told
    assert "peak incident show inc_1; when it may work again: peak drift release openai:gpt-5" in told
    assert "no lock counts" in "\n".join(_lines(DriftNow(NOW, told_by_node=True)))


@pytest.mark.parametrize("reader", [[round_of(15), out(), round_of(13), put(14), put(15)]], indirect=True)
def test_gold_cases_since_a_quarantine_are_told_of_its_model(reader: LedgerReader) -> None:
    """What was begun before does not count, nor what is of a model in use; the document has the figures."""
    (one,) = lines(reader, report())
    assert one.gold_since == GoldSince(2, 30, 29, NOW - timedelta(minutes=55), clean=1)
    told = "\n".join(_lines(DriftNow(NOW, (one,), told_by_node=True, lock="d" * 64)))
    assert "since then: 29 of 30 gold cases passed, last 1 of 2 rounds clean, the newest 55 min ago" in told
    shape = DriftModelShape.model_validate(line_json(one)).gold_since
    assert shape is not None
    assert (shape.rounds, shape.passed) == (2, 29)


@pytest.mark.parametrize("reader", [[round_of(13), out()]], indirect=True)
def test_that_there_is_no_evidence_for_a_release_is_said(reader: LedgerReader) -> None:
    """A round before the quarantine is none; a model in use has nothing to tell of it."""
    (one,) = lines(reader, None)
    assert one.gold_since == GoldSince()
    assert "no gold case was answered, so nothing speaks for it yet" in "\n".join(
        _lines(DriftNow(NOW, (one,)))
    )
    (in_use,) = lines_of(Recorded(), report())
    assert in_use.gold_since is None


@pytest.mark.parametrize(
    ("support", "said"),
    [
        (
            Support(Side.GOOD, 60, 0, ("a",), 4, NOW),
            f"60 of 60 gold cases passed in 4 rounds, the newest {iso(NOW)}: as a sound model",
        ),
        (
            Support(Side.BAD, 15, 5, ("a",), 1, NOW),
            f"10 of 15 gold cases passed in 1 round, the newest {iso(NOW)}: AS A CHANGED MODEL",
        ),
        (
            Support(Side.BAD, 30, 5, ("a",), 2, NOW, clean=1),
            (
                "25 of 30 gold cases passed, last 1 of 2 rounds clean, the newest "
                f"{iso(NOW)}: as a changed model at first, not lately"
            ),
        ),
        (
            Support(Side.OPEN, 15, 0, ("a",), 1, NOW),
            f"15 of 15 gold cases passed in 1 round, the newest {iso(NOW)}: too few to say",
        ),
        (Support(Side.OPEN), "NO EVIDENCE: no gold case was answered, nothing says that it is sound"),
    ],
)
def test_a_release_says_what_speaks_for_it(support: Support, said: str) -> None:
    """In words, with why it was out of use; the document has the shape it promises."""
    out_of_use = OutOfUse("it declines", NOW, "inc_1", "node")
    done = Released("openai", "gpt-5", "anna", 7, out_of_use, support)
    told = _released(done)
    assert f"  since then: {said}" in told
    assert told[0] == "released openai:gpt-5 (event #7); it was out of use since 2026-11-22T12:00:00.000000Z"
    assert DriftReleaseShape.model_validate(done.as_json()).support.side == support.side.value
