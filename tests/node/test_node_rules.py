"""The node's pure rules: admission, posture, health; and its lock."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.control.history import REMOVED, ControlHistory, Observed, enable_draft, stop_draft
from peak_console.domain.clock import from_iso, iso
from peak_console.domain.errors import EnvironmentUnfit
from peak_console.domain.events import EventDraft
from peak_console.domain.posture import PostureState
from peak_console.domain.vocabulary import Phase
from peak_console.ledger.library import has_wal_reset_bug
from peak_console.node.admission import MADE_BY_INIT, Circumstances, admit, cooldown_left_s
from peak_console.node.children import clean_environment
from peak_console.node.facts import Facts, LastStop
from peak_console.node.folding import Within, fold
from peak_console.node.health import DISK_RESERVE_BYTES, problems
from peak_console.node.lock import NodeLock
from peak_console.node.status import percentile
from peak_console.node.unrecorded import Unrecorded

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BOOT_US = 1_000_000_000


def around(*, stop: str | None = None, cooldown_s: int = 300, ill: tuple[str, ...] = ()) -> Circumstances:
    """The circumstances of an enable."""
    return Circumstances(now=NOW, boot_us=BOOT_US, stop=stop, cooldown_s=cooldown_s, problems=ill)


def stopped_facts(ago_s: float, *, boot_us: int | None = None) -> Facts:
    """A workspace stopped some seconds ago."""
    history = ControlHistory(last="ev_s", in_force=None)
    at = iso(NOW - timedelta(seconds=ago_s))
    boot = BOOT_US - round(ago_s * 1_000_000) if boot_us is None else boot_us
    return Facts(history=history, made_by=MADE_BY_INIT, last_stop=LastStop(at, boot))


def enabling(**changes: object) -> EventDraft:
    """An enable that looked at a stopped workspace."""
    fields: dict[str, object] = {
        "reason": "go",
        "operator": "anna",
        "after_stop": None,
        "after_event": "ev_s",
    }
    return enable_draft("ev_e", **{**fields, **changes})  # type: ignore[arg-type]


def code(draft: EventDraft, facts: Facts, circumstances: Circumstances) -> str | None:
    """The refusal's code."""
    refusal = admit(draft, facts, circumstances)
    return None if refusal is None else refusal.code


def test_an_enable_after_the_cooldown_is_admitted() -> None:
    """And one second before it is not."""
    assert code(enabling(), stopped_facts(300), around()) is None
    assert code(enabling(), stopped_facts(299), around()) == "cooldown"


@pytest.mark.parametrize(
    ("draft", "circumstances", "expected"),
    [
        (enabling(scope="layer:L2"), around(), "scope_not_stopped"),
        (enabling(reason=" "), around(), "reason_missing"),
        (enabling(), around(stop="s9"), "changed_meanwhile"),
        (enabling(after_event="ev_older"), around(), "changed_meanwhile"),
        (enabling(), around(ill=("ledger_broken",)), "not_healthy"),
    ],
)
def test_an_enable_is_refused(draft: EventDraft, circumstances: Circumstances, expected: str) -> None:
    """Each rule by its code."""
    assert code(draft, stopped_facts(10_000), circumstances) == expected


def test_a_new_workspace_has_no_cooldown() -> None:
    """New: the genesis of ``peak init``, no enable, no stop, no STOP; anything less is recovery."""
    new = Facts(made_by=MADE_BY_INIT, genesis_ts=iso(NOW))
    assert cooldown_left_s(new, around()) == 0
    assert cooldown_left_s(new, around(stop="s1")) == 300
    assert cooldown_left_s(Facts(made_by="node", genesis_ts=iso(NOW)), around()) == 300


@settings(deadline=None)  # the machine of a test run is shared
@given(st.floats(-400 * 86400, 400 * 86400), st.integers(0, 2 * BOOT_US))
def test_clock_steps_do_not_lengthen_the_cooldown_beyond_itself(wall_s: float, boot_us: int) -> None:
    """Whatever the wall clock did and whatever boot the stop is of: 0 to the whole cooldown."""
    assert 0 <= cooldown_left_s(stopped_facts(wall_s, boot_us=boot_us), around()) <= 300


def test_a_wall_clock_set_forward_does_not_shorten_it() -> None:
    """The boot clock counts for a stop of this boot."""
    facts = stopped_facts(10_000, boot_us=BOOT_US - 1_000_000)
    assert cooldown_left_s(facts, around()) == 299


observed = st.builds(
    Observed,
    enabling=st.none() | st.just("e1"),
    enabled=st.none() | st.sampled_from(["e1", "e2"]),
    stop=st.none() | st.just("s1"),
)
histories = st.builds(
    ControlHistory,
    last=st.none() | st.just("e1"),
    in_force=st.none() | st.sampled_from(["e1", "e2"]),
)


@settings(deadline=None)  # the machine of a test run is shared
@given(histories, observed, st.lists(st.sampled_from(["ledger_broken", "matrix_invalid"]), max_size=2))
def test_the_lease_permits_only_what_everything_permits(
    history: ControlHistory, seen: Observed, ill: list[str]
) -> None:
    """Calls if and only if the enable in force stands, no stop does, and nothing is wrong."""
    folded = fold(history, seen, tuple(ill))
    expected = (
        history.in_force is not None and seen.enabled == history.in_force and seen.stop is None and not ill
    )
    assert folded.calls == expected
    assert folded.reasons
    assert folded.calls == (folded.state is PostureState.DISARMED)


def test_reduce_is_since_it_was_recorded() -> None:
    """Not since the enable before it; unknown while the ledger has not taken it yet."""
    enabled, reduced = "2026-11-22T10:00:00+00:00", "2026-11-22T14:00:00+00:00"
    history = ControlHistory(last="e1", in_force="e1", since=enabled)
    seen = Observed(enabling=None, enabled="e1", stop=None)
    assert fold(history, seen, (), Within()).since == from_iso(enabled)
    assert fold(history, seen, (), Within(reduce=True, reduced_at=reduced)).since == from_iso(reduced)
    assert fold(history, seen, (), Within(reduce=True)).since is None


def test_problems_name_what_is_not_green() -> None:
    """Each cause by its reason; all well is none."""
    well = {
        "broken": "",
        "fault": "",
        "disk_free": DISK_RESERVE_BYTES,
        "oldest_wait_us": 0,
        "since_tick_us": 0,
        "configs_ok": True,
    }
    assert problems(**well) == ()  # type: ignore[arg-type]
    for change, reason in (
        ({"broken": "row 3"}, "ledger_broken"),
        ({"fault": "ledger_full"}, "ledger_unavailable"),
        ({"disk_free": DISK_RESERVE_BYTES - 1}, "ledger_unavailable"),
        ({"disk_free": None}, "ledger_unavailable"),
        ({"oldest_wait_us": 5_000_001}, "ledger_unavailable"),
        ({"since_tick_us": 2_000_001}, "ledger_unavailable"),
        ({"configs_ok": False}, "matrix_invalid"),
    ):
        assert problems(**{**well, **change}) == (reason,)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ("3.6.23", False),
        ("3.7.0", True),
        ("3.40.1", True),
        ("3.44.5", True),
        ("3.44.6", False),
        ("3.45.0", True),
        ("3.50.6", True),
        ("3.50.7", False),
        ("3.51.2", True),
        ("3.51.3", False),
        ("3.54.1", False),
    ],
)
def test_the_wal_reset_bug_is_known_by_version(version: str, affected: bool) -> None:  # noqa: FBT001 - a table
    """Fixed in 3.51.3 and in the two branches."""
    assert has_wal_reset_bug(version) is affected


def test_a_clean_environment_has_no_secret_and_no_switch() -> None:
    """An allow-list: whatever a provider's key is called, it does not pass."""
    passed = clean_environment(
        {
            "PATH": "/bin",
            "LC_ALL": "C",
            "PEAK_KEYS_DIR": "/k",
            "OPENAI_API_KEY": "x",
            "AI_ENABLED": "false",
            "HTTPS_PROXY": "x",
            "PEAK_PROVIDER_OPENAI_BASE_URL": "x",
        }
    )
    assert passed == {"PATH": "/bin", "LC_ALL": "C", "PEAK_KEYS_DIR": "/k"}


def test_the_lock_is_exclusive_and_ends_with_its_holder(tmp_path: Path) -> None:
    """Released, another takes it; a folder that is none is told."""
    with NodeLock(tmp_path):
        with pytest.raises(EnvironmentUnfit) as caught:
            NodeLock(tmp_path, wait_s=0)
        assert caught.value.code == "node_running"
    NodeLock(tmp_path).release()
    with pytest.raises(EnvironmentUnfit) as caught:
        NodeLock(tmp_path / "none")
    assert caught.value.code == "audits_unusable"


def test_one_key_is_one_operator() -> None:
    """The same key under another name is refused, whatever its comment says; another key is not."""
    facts = Facts(operators={"anna": "ssh-ed25519 AAAA"})

    def enrolling(key: str) -> EventDraft:
        return EventDraft("ev_o", "operator.enrolled", {"operator": "ben", "public_key": key})

    assert code(enrolling("ssh-ed25519 AAAA ben@home"), facts, around()) == "key_known"
    assert code(enrolling("ssh-ed25519 AAAB ben@home"), facts, around()) is None


def test_an_unreadable_phase_is_the_strictest() -> None:
    """A phase that this version does not know is judged as live."""
    facts = Facts()
    facts._take("phase.changed", "ev", "t", 0, {"to": "moon"})
    assert facts.phase is Phase.LIVE


def test_percentiles_are_nearest_rank() -> None:
    """p99 of a hundred values is the ninety-ninth."""
    assert percentile([], 99) is None
    assert percentile([5], 99) == 5
    assert percentile(list(range(1, 101)), 99) == 99


def stop_of(*, operator: str = "anna", reason: str = "why") -> EventDraft:
    """A stop as the node finds it in the files."""
    return stop_draft("s1", reason=reason, operator=operator)


def test_a_stop_that_names_its_operator_is_recorded_by_the_node_only_after_a_while() -> None:
    """Its maker has the actor and the steps of it."""
    unrecorded = Unrecorded(patience_us=1_000)
    assert unrecorded.due(stop_of(), 5_000) is None
    assert unrecorded.due(stop_of(), 5_999) is None
    assert unrecorded.due(stop_of(), 6_000) == stop_of()
    assert unrecorded.due(stop_of(), 6_050) == stop_of()
    assert unrecorded.due(None, 6_100) is None
    assert unrecorded.due(stop_of(), 9_000) is None


@pytest.mark.parametrize("by_hand", [stop_of(operator=""), stop_of(reason=REMOVED)])
def test_what_was_done_by_hand_is_recorded_at_the_second_look(by_hand: EventDraft) -> None:
    """Nobody else will: a copy of ENABLED put back later must find it recorded."""
    unrecorded = Unrecorded(patience_us=1_000_000)
    assert unrecorded.due(by_hand, 0) is None
    assert unrecorded.due(by_hand, 50) == by_hand


def test_another_stop_waits_anew() -> None:
    """Each stop has its own maker."""
    unrecorded = Unrecorded(patience_us=1_000)
    other = stop_draft("s2", reason="", operator="bob")
    assert unrecorded.due(stop_of(), 0) is None
    assert unrecorded.due(other, 1_000) is None
    assert unrecorded.due(other, 2_000) == other
