"""Enable on real files: what it makes, and every way it ends in "not enabled"."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from peak_console.control.enabling import REMEDIES, EnableReport, enable
from peak_console.control.files import ENABLED, ENABLING, STOP, encode, text_field
from peak_console.control.folder import RealFolder
from peak_console.control.history import ControlHistory
from peak_console.control.stop import stop_now
from peak_console.domain.errors import LedgerUnavailable

DATA = encode({"event_id": "ev_new"})


class Ledger:
    """A ledger in memory; ``during`` runs within a step, as another process would."""

    def __init__(self, during: dict[str, Callable[[], object]] | None = None) -> None:
        self.known = ControlHistory()
        self.enables: list[tuple[str | None, str | None]] = []
        self.fails = False
        self._during = during or {}

    def history(self) -> ControlHistory:
        """The fold."""
        self._meanwhile("history")
        return self.known

    def record_stop(self, stop_id: str) -> None:
        """Note the stop."""
        self.known = replace(self.known, last=f"ev_{stop_id}", stops=self.known.stops | {stop_id})

    def record_enable(self, *, after_stop: str | None, after_event: str | None) -> None:
        """Note the enable, or fail."""
        self._meanwhile("record")
        if self.fails:
            raise LedgerUnavailable("the disk is full", code="ledger_full")
        self.enables.append((after_stop, after_event))

    def _meanwhile(self, step: str) -> None:
        if step in self._during:
            self._during.pop(step)()


def run(path: Path, ledger: Ledger, *, stale: bool = False) -> EnableReport:
    """Enable as ``ev_new``."""
    return enable("ev_new", DATA, RealFolder(path), ledger, lambda _: stale)


def names(path: Path) -> set[str]:
    """The protocol's files that stand."""
    return {one for one in (ENABLED, ENABLING, STOP) if (path / one).exists()}


def test_it_records_and_then_stands(tmp_path: Path) -> None:
    """On an empty folder: recorded once, ENABLED names the event, nothing else is left."""
    ledger = Ledger()
    assert run(tmp_path, ledger) == EnableReport(enabled=True, reason="enabled")
    assert ledger.enables == [(None, None)]
    assert names(tmp_path) == {ENABLED}
    assert text_field((tmp_path / ENABLED).read_bytes(), "event_id") == "ev_new"
    assert [one.name for one in tmp_path.iterdir()] == [ENABLED]


def test_it_lifts_the_stop_it_saw_after_recording_that(tmp_path: Path) -> None:
    """A stop that nobody recorded is recorded first; then the enable names it and removes it."""
    stopped = stop_now(tmp_path)
    ledger = Ledger()
    assert run(tmp_path, ledger).enabled
    assert ledger.enables == [(stopped.stop_id, f"ev_{stopped.stop_id}")]
    assert names(tmp_path) == {ENABLED}


def test_a_stop_while_it_records_ends_it(tmp_path: Path) -> None:
    """The record may be durable; ENABLED is not there, and the stop stands."""
    ledger = Ledger({"record": lambda: stop_now(tmp_path)})
    assert run(tmp_path, ledger).reason == "stopped_meanwhile"
    assert names(tmp_path) == {STOP}


def test_a_second_stop_while_it_records_ends_it(tmp_path: Path) -> None:
    """An enable lifts the stop it saw, never a later one."""
    stop_now(tmp_path)
    ledger = Ledger({"record": lambda: stop_now(tmp_path)})
    assert run(tmp_path, ledger).reason == "stopped_meanwhile"
    assert names(tmp_path) == {STOP}


def test_a_record_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Record first, then privilege: no record, no ENABLED, and what kept it is given back."""
    stop_now(tmp_path)
    ledger = Ledger()
    ledger.fails = True
    report = run(tmp_path, ledger)
    assert report.reason == "not_recorded"
    assert isinstance(report.error, LedgerUnavailable)
    assert names(tmp_path) == {STOP}


def test_two_at_a_time_are_one(tmp_path: Path) -> None:
    """ENABLING is taken exclusively; one whose maker is dead is taken over."""
    (tmp_path / ENABLING).write_bytes(encode({"event_id": "ev_other"}))
    assert run(tmp_path, Ledger()).reason == "enable_in_progress"
    assert names(tmp_path) == {ENABLING}
    assert run(tmp_path, Ledger(), stale=True).enabled


def test_an_enable_on_record_that_does_not_stand_is_waited_out(tmp_path: Path) -> None:
    """Just recorded and not renamed yet, or just stopped: either way it is not the moment to enable."""
    ledger = Ledger()
    ledger.known = ControlHistory(last="ev_other", in_force="ev_other")
    assert run(tmp_path, ledger).reason == "unsettled"
    assert names(tmp_path) == set()


def test_enabling_again_while_enabled_replaces(tmp_path: Path) -> None:
    """A second operator may confirm what stands."""
    (tmp_path / ENABLED).write_bytes(encode({"event_id": "ev_other"}))
    ledger = Ledger()
    ledger.known = ControlHistory(last="ev_other", in_force="ev_other")
    assert run(tmp_path, ledger).enabled
    assert ledger.enables == [(None, "ev_other")]


def test_no_folder_no_enable(tmp_path: Path) -> None:
    """What cannot be written is told, not raised."""
    report = run(tmp_path / "none", Ledger())
    assert report.reason == "folder_not_writable"
    assert report.error is not None


@pytest.mark.parametrize("reason", ["unsettled", "enable_in_progress", "stopped_meanwhile", "not_recorded"])
def test_every_refusal_has_a_remedy(reason: str) -> None:
    """An operator is told what to do next."""
    assert REMEDIES[reason]
