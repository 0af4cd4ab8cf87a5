"""Disarm, reduce and stops of scopes where something is broken: never refused, and what is told is true."""

import asyncio
import json
import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest
from node_world import World, node_here, node_process

from peak_console.cli.entry import main
from peak_console.control.files import ENABLED, LEASE
from peak_console.domain.posture import PostureState
from peak_console.operations.containing import contain
from peak_console.operations.lowering import reduce


def peak(capsys: pytest.CaptureFixture[str], world: World, *words: str) -> tuple[int, dict[str, object]]:
    """The exit code and the document of ``peak``."""
    with pytest.raises(SystemExit) as ended:
        main([*words, "--root", str(world.ws.root), "--json"])
    code = ended.value.code
    assert isinstance(code, int)
    return code, json.loads(capsys.readouterr().out)


WORDS = [("disarm",), ("reduce",), ("stop", "--scope", "layer:L2")]


@pytest.mark.parametrize("words", WORDS, ids=lambda words: words[0])
def test_without_a_node_and_with_a_ruined_ledger(
    world: World, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """No node, no database, a config that does not parse.

    Disarmed is true already, for no lease counts; a scope or reduce, which nobody keeps, stops everything.
    """
    world.ws.ledger.write_bytes(os.urandom(4096))
    world.ws.control_config.write_text("not [toml")
    (world.ws.control / ENABLED).write_text('{"event_id": "ev_1"}')
    code, told = peak(capsys, world, *words)
    assert code == 0
    assert told["effective"] is True
    assert told["escalated"] is (words != ("disarm",))
    assert (world.ws.control / ENABLED).exists() is (words == ("disarm",))
    assert not world.calls()


def test_with_a_hung_node(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A node that is held while its lease counts: nobody knows what it will do, so everything stops."""
    with node_process(world) as node:
        world.enable(node.socket)
        assert world.calls()
        os.kill(node.process.pid, signal.SIGSTOP)
        try:
            code, told = peak(capsys, world, "disarm", "--reason", "it hangs")
            began = time.monotonic()
            reduce(world.ws)
            done = contain(world.ws)
            took_s = time.monotonic() - began
        finally:
            os.kill(node.process.pid, signal.SIGCONT)
        assert code == 0
        assert told["escalated"] is True
        assert world.posture().state is PostureState.STOPPED
        failed = [one["step"] for one in told["failed"]]  # type: ignore[attr-defined]
        assert "ask the node" in failed
        assert [one.name for one in done.steps if not one.ok] == []
        assert took_s < 60, "five seconds for each, whatever the node does"


async def test_with_a_locked_ledger(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Another program holds the ledger: what cannot be recorded stops everything, and says so."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        db = sqlite3.connect(world.ws.ledger, isolation_level=None, check_same_thread=False)
        db.execute("BEGIN EXCLUSIVE")
        try:
            code, told = await asyncio.to_thread(peak, capsys, world, "reduce")
        finally:
            db.close()
        assert code == 0
        assert told["effective"] is True
        assert told["escalated"] is True
        assert world.posture().state is PostureState.STOPPED


def test_what_could_not_be_done_is_not_told_as_done(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENABLED cannot be removed: exit code 1, NOT STOPPED, and the command that removes it."""
    (world.ws.control / ENABLED).mkdir()
    code, told = peak(capsys, world, "reduce")
    assert code == 1
    assert told["effective"] is False
    assert "rm audits/control/ENABLED" in str(told["remedy"])
    with pytest.raises(SystemExit) as ended:
        main(["stop", "--scope", "layer:L2", "--root", str(world.ws.root)])
    assert ended.value.code == 1
    assert "NOT STOPPED" in capsys.readouterr().out
    assert not (world.ws.control / LEASE).exists()


def test_outside_a_workspace_there_is_nothing_to_disarm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Told as that, with exit code 3."""
    with pytest.raises(SystemExit) as ended:
        main(["disarm", "--root", str(tmp_path / "nowhere"), "--json"])
    assert ended.value.code == 3
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "no_workspace"
