"""The gate: three small files, read anew for every question."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from control_folder import BOOT, Folder

from peak_console.control.files import ENABLED, LEASE, STOP
from peak_console.control.folder import read_file
from peak_console.control.gate import HALTING, WATCH_INTERVAL_S, CallGate, InFlight
from peak_console.control.scopes import Halt, Subject
from peak_console.domain.clock import ManualClock
from peak_console.domain.posture import Posture, PostureState

PATIENCE_S = 60.0


def reasons(folder: Folder) -> tuple[str, ...]:
    """Why no call may be made; there must be a reason."""
    posture = folder.gate().posture()
    assert not posture.calls
    return posture.reasons


def test_an_enabled_folder_with_a_fresh_lease_permits_calls(folder: Folder) -> None:
    """ENABLED, no STOP, and a lease that names it: DISARMED."""
    posture = folder.gate().posture()
    assert posture.calls
    assert posture.state is PostureState.DISARMED


def test_one_gate_sees_every_change_at_once(folder: Folder) -> None:
    """What was parsed is never believed longer than its bytes stand."""
    gate = folder.gate()
    assert gate.posture().calls
    folder.stop()
    assert not gate.posture().calls
    (folder.path / STOP).unlink()
    assert gate.posture().calls
    folder.enable("ev_2")
    assert not gate.posture().calls
    folder.renew(enabled="ev_2")
    assert gate.posture().calls
    (folder.path / ENABLED).unlink()
    assert not gate.posture().calls


def test_a_lease_lapses_by_the_boot_clock_alone(folder: Folder) -> None:
    """A step of the wall clock changes nothing; five seconds of the boot clock end it."""
    gate = folder.gate()
    folder.clock.step_wall(400 * 86_400)
    assert gate.posture().calls
    folder.clock.advance(5.1)
    assert gate.posture().reasons == ("lapsed",)
    assert gate.posture().state is PostureState.UNKNOWN


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"event_id": 5}', b"\xff\xfe", b"x" * 10_000])
def test_an_enabled_that_cannot_be_read_permits_nothing(folder: Folder, content: bytes) -> None:
    """A file is not a permission because it is there."""
    (folder.path / ENABLED).write_bytes(content)
    assert "enabled_unreadable" in reasons(folder)


def test_no_folder_permits_nothing(tmp_path: Path) -> None:
    """Missing, or a file in its place: nothing raises, nothing is permitted."""
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "none", tmp_path / "file"):
        posture = CallGate(path, ManualClock(), {}, boot=lambda: BOOT).posture()
        assert not posture.calls


def test_links_and_pipes_permit_nothing(folder: Folder, tmp_path: Path) -> None:
    """A link is not followed, a pipe is not waited for."""
    real = folder.path / "real"
    (folder.path / ENABLED).rename(real)
    (folder.path / ENABLED).symlink_to(real)
    assert "control_folder_unreadable" in reasons(folder)
    (folder.path / ENABLED).unlink()
    os.mkfifo(folder.path / ENABLED)
    assert "enabled_unreadable" in reasons(folder)


def test_a_dangling_stop_link_stops(folder: Folder) -> None:
    """Anything named ``STOP`` stops, whatever it is."""
    (folder.path / STOP).symlink_to(folder.path / "nowhere")
    assert reasons(folder) == ("stop_present",)


def test_a_kernel_that_tells_no_boot_id_permits_nothing(folder: Folder) -> None:
    """Without a boot id no lease can be believed."""

    def unknown() -> str:
        raise OSError("no such file")

    posture = CallGate(folder.path, folder.clock, {}, boot=unknown).posture()
    assert "lease_foreign_boot" in posture.reasons


def test_the_environment_binds_this_process(folder: Folder) -> None:
    """AI_ENABLED=false stops here; AI_ARMED=false lowers orders only."""
    assert folder.gate(AI_ENABLED="false").posture().reasons == ("ai_enabled_false",)
    assert folder.gate(AI_ENABLED="true").posture().calls
    assert "ai_armed_false" in folder.gate(AI_ARMED="no").posture().reasons
    assert folder.gate(AI_ARMED="no").posture().calls


def test_a_gate_reads_the_environment_of_its_process(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody gives it another one; an empty one that is given is empty."""
    monkeypatch.setenv("AI_ENABLED", "false")
    own = CallGate(folder.path, folder.clock, boot=lambda: BOOT)
    assert own.posture().reasons == ("ai_enabled_false",)
    assert folder.gate().posture().calls
    assert WATCH_INTERVAL_S == 0.01  # seconds


def test_what_was_parsed_is_kept_by_its_bytes_alone(folder: Folder) -> None:
    """The same objects while the files stand; another, before or after it in order, is parsed anew."""
    gate = folder.gate()
    for event_id, scope in (("ev_5", "layer:L2"), ("ev_4", "layer:L1"), ("ev_6", "layer:L3")):
        folder.enable(event_id)
        folder.renew(enabled=event_id, stopped_scopes=(scope,))
        sources, lease, halts = gate.sources(), gate.lease(), gate.halts()
        assert lease is not None
        assert (sources.enabled.event_id, lease.stopped_scopes) == (event_id, (scope,))
        assert gate.sources().enabled is sources.enabled
        assert gate.lease() is lease
        assert gate.halts() is halts
        folder.renew(enabled=event_id, stopped_scopes=(scope,), seq=8)
        assert gate.lease() is not lease
        assert gate.halts() is halts  # of another lease that halts the same
        assert gate.standing()[1] == halts


def test_a_stop_tells_since_when(folder: Folder) -> None:
    """Where its file says it; any other stops as well."""
    folder.stop()
    since = folder.gate().sources().stop.since
    assert since is not None
    assert since.isoformat() == "2026-11-22T12:00:00+00:00"
    for content in (b"", b"{}", b'{"at": "yesterday"}', b'{"at": 5}'):
        (folder.path / STOP).write_bytes(content)
        stop = folder.gate().sources().stop
        assert (stop.present, stop.since) == (True, None)


def test_a_lease_of_an_unknown_boot_cuts_nothing(folder: Folder) -> None:
    """What is in flight goes on where nobody can say of which boot the lease is."""

    def unknown() -> str:
        raise OSError("no such file")

    folder.renew(calls=False, state=PostureState.STOPPED, reasons=(min(HALTING),))
    assert CallGate(folder.path, folder.clock, {}, boot=unknown).stopped() is None
    assert folder.gate().stopped() == min(HALTING)
    folder.renew(reasons=(min(HALTING),))
    assert folder.gate().stopped() is None  # it permits calls
    (folder.path / ENABLED).unlink()
    assert folder.gate().stopped() == "not_enabled"
    folder.stop()
    assert folder.gate().stopped() == "stop_present"


def test_a_loop_that_has_closed_does_not_keep_others_from_being_told(folder: Folder) -> None:
    """All that is watched is counted and told; what is closed is no longer watched, and its thread ends."""
    watch, told, heard = InFlight(folder.gate(), interval_s=60.0), list[str](), threading.Event()

    def closed(_: Halt) -> None:
        raise RuntimeError("its loop has closed")

    def note(halt: Halt) -> None:
        told.append(halt.why)
        heard.set()

    with watch.watch(closed), watch.watch(note):
        assert (len(watch), watch.cancelled) == (2, 0)
        folder.stop()
        watch.look()
        assert (len(watch), watch.cancelled) == (0, 2)
        assert heard.wait(PATIENCE_S)
        assert told == ["stop_present"]
        with watch.watch(closed):
            thread = watch._thread
            assert thread is not None
            assert (thread.name, thread.daemon) == ("peak-in-flight", True)
            watch.close()
            assert len(watch) == 0
            assert not thread.is_alive()
    watch.close()


def test_a_watch_that_waits_for_work_wakes(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was in flight for a while; what begins then is watched as the first was."""
    watch, idle, told = InFlight(folder.gate(), interval_s=0.001), threading.Event(), threading.Event()
    wait_for = watch._changed.wait_for

    def watched(predicate: Callable[[], object], timeout: float | None = None) -> object:
        if timeout is None and not predicate():
            idle.set()  # under the lock: whoever has it next finds the thread asleep
        return wait_for(predicate, timeout)

    monkeypatch.setattr(watch._changed, "wait_for", watched)
    with watch.watch(lambda _: None):
        pass
    assert idle.wait(PATIENCE_S)
    folder.stop()
    idle.clear()
    with watch.watch(lambda _: told.set()):
        assert told.wait(PATIENCE_S)
    assert idle.wait(PATIENCE_S)
    thread = watch._thread
    watch.close()
    assert thread is not None
    assert not thread.is_alive()


def test_a_check_reads_two_small_files_and_parses_none_again(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands before every send: ``ENABLED`` and the lease are read, what has not changed is not parsed."""
    gate = folder.gate()
    first, read = gate.posture(), []

    def counted(path: str) -> bytes | None:
        read.append(os.path.basename(path))  # noqa: PTH119 - a plain text
        return read_file(path)

    monkeypatch.setattr("peak_console.control.gate.read_file", counted)
    monkeypatch.setattr("peak_console.control.gate.decode", None)
    monkeypatch.setattr("peak_console.control.lease.decode", None)
    assert gate.posture().state is first.state
    assert sorted(read) == [ENABLED, LEASE]


def test_a_stop_cancels_everything_in_flight(folder: Folder) -> None:
    """All that is watched is told, once, soon after ``ENABLED`` is gone."""
    watch = InFlight(folder.gate())
    told: list[str] = []
    done = threading.Event()

    def note(halt: Halt) -> None:
        told.append(halt.words)
        if len(told) == 64:
            done.set()

    contexts = [watch.watch(note) for _ in range(64)]
    for context in contexts:
        context.__enter__()
    (folder.path / ENABLED).unlink()
    assert done.wait(PATIENCE_S)
    assert told == ["not_enabled"] * 64
    for context in contexts:
        context.__exit__(None, None, None)
    watch.close()


def test_a_stop_of_a_part_cancels_what_it_covers_alone(folder: Folder) -> None:
    """What names its layer, run or model is cancelled; the rest goes on, and so does what has no subject."""
    watch = InFlight(folder.gate(), interval_s=0.001)
    cut: list[Halt] = []
    told = threading.Event()

    def note(halt: Halt) -> None:
        cut.append(halt)
        told.set()

    kept: list[Halt] = []
    with (
        watch.watch(note, Subject("L2", "run_1", "openai", "m")),
        watch.watch(kept.append, Subject("L3", "run_1", "openai", "m")),
        watch.watch(kept.append),
    ):
        folder.renew(stopped_scopes=("layer:L2", "model:google:m"))
        assert told.wait(PATIENCE_S)
        assert (len(watch), watch.cancelled, kept) == (2, 1, [])
        told.clear()
        with watch.watch(note, Subject("L2")):
            assert told.wait(PATIENCE_S)
    assert cut == [Halt("layer:L2"), Halt("layer:L2")]
    watch.close()


def test_a_quarantine_cuts_nothing_that_is_on_its_way(folder: Folder) -> None:
    """It keeps new calls from leaving; only a stop cancels."""
    watch = InFlight(folder.gate())
    folder.renew(quarantined=("openai:m",))
    told: list[Halt] = []
    with watch.watch(told.append, Subject("L2", "run_1", "openai", "m")):
        watch.look()
    assert told == []
    _, halts = folder.gate().standing()
    assert halts.of(Subject("L2", "run_1", "openai", "m")) is not None
    watch.close()


def test_a_lapse_cancels_nothing(folder: Folder) -> None:
    """What is in flight runs to its deadline when the node has died; nothing new leaves."""
    gate = folder.gate()
    (folder.path / LEASE).unlink()
    assert gate.stopped() is None
    assert not gate.posture().calls


@pytest.mark.parametrize("reason", sorted(HALTING))
def test_a_lease_that_forbids_for_good_cuts_everything(folder: Folder, reason: str) -> None:
    """Scopes that it cannot name, a broken ledger: all of it, with a subject or without; ENABLED stands."""
    gate, halted = folder.gate(), list[Halt]()
    watch = InFlight(gate, interval_s=60.0)
    folder.renew(calls=False, state=PostureState.STOPPED, reasons=("ledger_unavailable",))
    with watch.watch(halted.append), watch.watch(halted.append, Subject(layer="L2")):
        watch.look()
        assert gate.stopped() is None  # a disk that is full for a moment lets answers come in
        lapsed = {"issued_us": folder.clock.boot_us() - 2, "expires_us": folder.clock.boot_us() - 1}
        folder.renew(calls=False, state=PostureState.STOPPED, reasons=("not_enabled", reason), **lapsed)
        watch.look()
        assert not halted
        folder.renew(calls=False, state=PostureState.STOPPED, reasons=("not_enabled", reason))
        watch.look()
    watch.close()
    assert [(one.scope, one.why) for one in halted] == [("global", reason)] * 2


def test_what_ended_before_the_stop_is_left_alone(folder: Folder) -> None:
    """A call that has ended is no longer watched; one that begins under a stop is cancelled."""
    watch = InFlight(folder.gate(), interval_s=0.001)
    told: list[Halt] = []
    with watch.watch(told.append):
        pass
    folder.stop()
    late = threading.Event()
    with watch.watch(lambda _: late.set()):
        assert late.wait(PATIENCE_S)
    assert told == []
    watch.close()


def test_a_closed_watch_can_be_used_again(folder: Folder) -> None:
    """Closing ends the thread; the next call starts another."""
    watch = InFlight(folder.gate(), interval_s=0.001)
    with watch.watch(lambda _: None):
        pass
    watch.close()
    folder.stop()
    told = threading.Event()
    with watch.watch(lambda _: told.set()):
        assert told.wait(PATIENCE_S)
    watch.close()


def test_the_posture_is_a_value(folder: Folder) -> None:
    """It is frozen: nobody can open it."""
    posture = folder.gate().posture()
    with pytest.raises(AttributeError):
        posture.calls = False  # type: ignore[misc]
    assert isinstance(posture, Posture)
