"""The child that writes ``peak.log``, as the node runs it: over a real ledger, killed and started again."""

import json
import logging
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.children import Child, child, eventually
from support.composed import RUN, SLOT, Composer, bare_workspace, composing

from peak_console.config.workspace import Workspace
from peak_console.control.logsend import SOCKET_NAME, LedgerLogHandler
from peak_console.control.sockets import socket_path
from peak_console.domain.events import EventKind
from peak_console.node.log_lines import LINE_LIMIT

MODULE = "peak_console.node.logchild"
CONTRACT = (
    "run_id",
    "layer",
    "role",
    "provider",
    "model_id",
    "request_hash",
    "outcome",
    "latency_ms",
    "cost_eur",
)
SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """A workspace without a ledger."""
    return bare_workspace(tmp_path / "ws")


def text(ws: Workspace) -> bytes:
    """The log, oldest first, over its files."""
    files = sorted(
        ws.log.parent.glob("peak.log*"),
        key=lambda file: -int(file.suffix[1:] if file.suffix[1:].isdigit() else 0),
    )
    return b"".join(file.read_bytes() for file in files)


def lines(ws: Workspace) -> list[dict[str, Any]]:
    """Every whole line of the log, oldest first, over its files."""
    return [json.loads(line) for line in text(ws).split(b"\n")[:-1]]


def seqs(ws: Workspace) -> list[int]:
    """The events told, in the order of the log."""
    return [line["seq"] for line in lines(ws) if "seq" in line]


def until_told(ws: Workspace, seq: int) -> list[dict[str, Any]]:
    """The log's lines once the event at ``seq`` is told."""
    sought = f'"seq":{seq},'.encode()  # before the lines are read: there are thousands
    eventually(lambda: ws.log.exists() and sought in text(ws) and seq in seqs(ws), f"event {seq} is told")
    return lines(ws)


def told_kinds(ws: Workspace) -> list[str]:
    """What the events in the log say, in order."""
    return [line["event"] for line in lines(ws) if "seq" in line]


def test_one_line_for_every_call_with_the_contracts_keys(ws: Workspace) -> None:
    """Answered, failed and refused calls have one line each, every key of the contract there."""
    with composing(ws) as ledger:
        answered, broken = ledger.call(), ledger.failure()
        ledger.event(
            EventKind.CALL_REFUSED,
            {"reason": "posture", "message": "stopped"},
            layer="L0",
            role="primary",
            call_id="call_r",
        )
        ledger.event(EventKind.CRITIC_JUDGED, {"verdict": "PASS"}, layer="L2")
        last = ledger.event(
            EventKind.POLICY_DENIED, {"rule": "forbidden_model", "where": "client", "subject": "x"}
        )
        with child(MODULE, ws.root) as writing:
            assert writing.first == {"ready": True, "log": str(ws.log)}
            found = until_told(ws, last.seq)
    calls = {line["call_id"]: line for line in found if line["logger"] == "llm"}
    assert set(calls) == {answered, broken, "call_r"}
    assert all(name in line for line in calls.values() for name in CONTRACT)
    one = calls[answered]
    assert {name: one[name] for name in CONTRACT} == {
        "run_id": RUN,
        **dict(zip(("layer", "role", "provider", "model_id"), SLOT, strict=True)),
        "request_hash": "ab" * 32,
        "outcome": "ok",
        "latency_ms": 812.345,
        "cost_eur": "0.001000000",
    }
    assert (calls[broken]["outcome"], calls[broken]["reason"], calls[broken]["level"]) == (
        "failed",
        "timeout",
        "warning",
    )
    assert (calls["call_r"]["outcome"], calls["call_r"]["reason"]) == ("refused", "posture")
    assert told_kinds(ws) == [
        "workspace.initialised", "llm.call.completed", "llm.call.failed", "llm.call.refused", "policy.denied",
    ]  # fmt: skip
    denied = found[-1]
    assert (denied["level"], denied["rule"], denied["actor"]) == ("error", "forbidden_model", "test")


def test_events_are_told_as_they_come(ws: Workspace) -> None:
    """The log follows the ledger; it needs no restart, and none of a new node's either."""
    with composing(ws, "a") as ledger, child(MODULE, ws.root):
        for _ in range(5):
            ledger.call()
            until_told(ws, ledger.writer.head[0])
        ledger.writer.close()
        with composing(ws, "b") as next_ledger:
            next_ledger.call()
            until_told(ws, next_ledger.writer.head[0])


def test_kills_lose_nothing_and_double_nothing(ws: Workspace) -> None:
    """Killed at any moment and started again, ten times: each event once, in order, every line whole."""
    draw = random.Random(7)  # noqa: S311 - moments to kill at
    with composing(ws) as ledger:
        for _ in range(10):
            with child(MODULE, ws.root) as writing:
                for _ in range(draw.randrange(1, 60)):
                    ledger.call()
                if draw.random() < 0.5:
                    until_told(ws, ledger.writer.head[0] - draw.randrange(0, 2) * 2)
                writing.kill()
        with child(MODULE, ws.root):
            until_told(ws, ledger.writer.head[0])
        expected = [1, *range(3, ledger.writer.head[0] + 1, 2)]
    assert seqs(ws) == expected


def test_a_torn_last_line_is_repaired(ws: Workspace) -> None:
    """What a kill left of a line, little or much, is taken away, and its event told again."""
    with composing(ws) as ledger:
        ledger.call()
        ledger.call()
        last = ledger.writer.head[0]
        with child(MODULE, ws.root) as writing:
            until_told(ws, last)
            assert writing.end() == 0
        whole = ws.log.read_bytes()
        begin = whole.rstrip(b"\n").rfind(b"\n") + 1
        for keep_bytes in (1, len(whole) - begin - 1):
            ws.log.write_bytes(whole[: begin + keep_bytes])
            with child(MODULE, ws.root):
                until_told(ws, last)
            assert ws.log.read_bytes() == whole


def test_rotation_keeps_the_newest_files_and_the_place(ws: Workspace) -> None:
    """Files stay under their size, no more than asked are kept, and a restart goes on where the log was."""
    (ws.root / "configs" / "console.toml").write_text("[log]\nmax_mb = 1\nkeep = 2\n")
    with composing(ws) as ledger:
        with child(MODULE, ws.root) as writing:
            for _ in range(14):
                ledger.append(
                    *[ledger.draft(EventKind.NODE_STARTED, {"note": "x" * 400}) for _ in range(500)]
                )
            until_told(ws, ledger.writer.head[0])
            writing.kill()
        files = sorted(ws.log.parent.iterdir())
        assert [file.name for file in files] == ["peak.log", "peak.log.1", "peak.log.2"]
        assert all(file.stat().st_size <= 1_000_000 for file in files)
        before = seqs(ws)
        assert before == list(range(before[0], ledger.writer.head[0] + 1))
        ws.log.unlink()
        earlier = seqs(ws)[-1]
        with child(MODULE, ws.root):
            until_told(ws, ledger.writer.head[0])
    assert seqs(ws) == list(range(before[0], ledger.writer.head[0] + 1)), (
        "told again from where the old file ended"
    )
    assert earlier < before[-1]


def test_records_fill_files_and_the_place_is_still_known(ws: Workspace) -> None:
    """When records have pushed every event out of the log, nothing is told twice all the same."""
    (ws.root / "configs" / "console.toml").write_text("[log]\nmax_mb = 1\nkeep = 1\n")
    handler = LedgerLogHandler(ws.control, source="cli")
    record = logging.LogRecord("noisy", logging.INFO, "", 0, "y " * 240, (), None)
    with composing(ws) as ledger:
        ledger.call()
        with child(MODULE, ws.root) as writing:
            until_told(ws, ledger.writer.head[0])

            def pushed_out() -> bool:
                for _ in range(200):
                    handler.emit(record)
                return b'"seq":' not in text(ws) and not seqs(ws)

            eventually(pushed_out, "records alone fill the log")
            writing.kill()
        ledger.call()
        with child(MODULE, ws.root):
            until_told(ws, ledger.writer.head[0])
    handler.close()
    assert seqs(ws) == [ledger.writer.head[0]]


def test_records_of_other_processes_are_written(ws: Workspace) -> None:
    """A record sent by datagram is a line; one that cannot be read is counted; none can pass for an event."""
    with composing(ws) as ledger, child(MODULE, ws.root):
        handler = LedgerLogHandler(ws.control, source="traffic")
        logger = logging.Logger("peak.demo")  # noqa: LOG001 - of this test alone
        logger.addHandler(handler)
        logger.warning("the provider %s is slow\nand how", "openai")
        forged = {
            "event": "llm.call.completed",
            "seq": 99,
            "event_id": "ev_x",
            "outcome": "ok",
            "level": "odd",
        }
        for data in (json.dumps(forged).encode(), b"\xff no json", b"[1]"):
            handler._socket.sendto(data, str(socket_path(ws.control, SOCKET_NAME)))
        eventually(lambda: sum(line.get("count", 0) for line in lines(ws)) == 2, "both were counted")
        found = {line["event"]: line for line in lines(ws)}
        handler.close()
        assert ledger.writer.head[0] == 1
    slow = found["the provider openai is slow and how"]
    assert (slow["level"], slow["logger"], slow["source"]) == ("warning", "peak.demo", "traffic")
    assert set(found["llm.call.completed"]) == {"ts", "level", "logger", "event", "source"}
    assert seqs(ws) == [1]


def test_no_secret_and_no_control_character_reaches_the_log(ws: Workspace) -> None:
    """Keys by form and by value are struck out, terminal escapes made plain, in events and in records."""
    with composing(ws) as ledger, child(MODULE, ws.root, MISTRAL_API_KEY="plain-looking-value-77"):
        ledger.failure(detail=f"bad key {SECRET} \x1b]52;c;aGk=\x07 or plain-looking-value-77\n")
        handler = LedgerLogHandler(ws.control, source="cli")
        handler.emit(
            logging.LogRecord("x", logging.ERROR, "", 0, f"Authorization: Bearer {SECRET}", (), None)
        )
        handler.close()
        until_told(ws, ledger.writer.head[0])
        eventually(lambda: any("source" in line for line in lines(ws)), "the record is written")
    text = ws.log.read_text()
    assert SECRET not in text
    assert "plain-looking-value-77" not in text
    assert text.count("[redacted]") == 3
    assert "\\u001b" not in text
    assert "\x1b" not in text


def test_long_texts_are_cut(ws: Workspace) -> None:
    """No line is longer than its limit, whatever an event says; a call's keys stay."""
    with composing(ws) as ledger, child(MODULE, ws.root):
        ledger.failure(detail="d" * 500_000)
        ledger.event(EventKind.NODE_STARTED, {f"field_{number:03}": "é" * 5000 for number in range(100)})
        until_told(ws, ledger.writer.head[0])
    assert max(map(len, ws.log.read_bytes().split(b"\n"))) < LINE_LIMIT
    assert all(name in line for line in lines(ws) if line["logger"] == "llm" for name in CONTRACT)


def test_a_missing_ledger_is_waited_for_and_said(ws: Workspace) -> None:
    """Without a ledger the log says so once, and goes on when there is one."""
    with child(MODULE, ws.root):
        eventually(lambda: [line.get("code") for line in lines(ws)] == ["ledger_missing"], "it is said")
        with composing(ws) as ledger:
            ledger.call()
            until_told(ws, ledger.writer.head[0])
    assert [line["event"] for line in lines(ws) if line["logger"] == "log"] == [
        "the ledger cannot be read",
        "the ledger can be read again",
    ]


def test_a_locked_ledger_is_waited_for(ws: Workspace) -> None:
    """A lock held by another process is said with its code, and nothing is lost by it."""
    with composing(ws) as ledger:
        ledger.call()
        last = ledger.writer.head[0]
    holder = sqlite3.connect(ws.ledger, isolation_level=None)
    holder.execute("PRAGMA journal_mode = DELETE")
    holder.execute("BEGIN EXCLUSIVE")
    with child(MODULE, ws.root):
        eventually(lambda: "ledger_locked" in [line.get("code") for line in lines(ws)], "the lock is said")
        holder.execute("ROLLBACK")
        holder.close()
        until_told(ws, last)
    assert seqs(ws) == [1, last]


def _remove(ws: Workspace) -> None:
    for file in ws.audits.glob("ledger.db*"):
        file.unlink()


def test_another_ledger_in_its_place_is_followed_from_its_beginning(ws: Workspace) -> None:
    """A ledger made anew is told whole, while the child runs and over a restart."""
    with child(MODULE, ws.root) as writing:
        with composing(ws, "a") as ledger:
            ledger.call()
            until_told(ws, ledger.writer.head[0])
        _remove(ws)
        with composing(ws, "b") as ledger:
            second = ledger.call()
            eventually(lambda: any(line.get("call_id") == second for line in lines(ws)), "it is told")
        writing.kill()
    assert seqs(ws) == [1, 3, 1, 3]
    _remove(ws)
    with composing(ws, "c") as ledger, child(MODULE, ws.root):
        third = ledger.call()
        eventually(lambda: any(line.get("call_id") == third for line in lines(ws)), "it is told")
    assert seqs(ws) == [1, 3, 1, 3, 1, 3]


def test_a_restored_ledger_is_followed_from_where_the_two_part(ws: Workspace) -> None:
    """After a backup was put back, what both hold is not told twice; what is new is told."""
    backup = ws.audits / "backup"
    with composing(ws, "a") as ledger:
        ledger.call()
    backup.write_bytes(ws.ledger.read_bytes())
    with composing(ws, "b") as ledger:
        ledger.call()
        with child(MODULE, ws.root) as writing:
            until_told(ws, ledger.writer.head[0])
            writing.kill()
    _remove(ws)
    backup.rename(ws.ledger)
    with composing(ws, "c") as ledger, child(MODULE, ws.root):
        other = ledger.call()
        eventually(lambda: any(line.get("call_id") == other for line in lines(ws)), "it is told")
    assert seqs(ws) == [1, 3, 5, 5]


def test_one_child_writes_and_a_second_waits_for_it(ws: Workspace) -> None:
    """Two children never write the same log: the second is ready when the first has ended."""
    with composing(ws) as ledger, child(MODULE, ws.root) as first:
        ledger.call()
        until_told(ws, ledger.writer.head[0])
        waiting = subprocess.Popen(
            [sys.executable, "-m", MODULE, "--root", str(ws.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with waiting:
            assert first.end() == 0
            assert waiting.stdout is not None
            assert json.loads(waiting.stdout.readline())["ready"] is True
            assert waiting.stdin is not None
            waiting.stdin.close()
    assert waiting.returncode == 0
    assert seqs(ws) == [1, 3]


def test_what_came_last_is_told_before_the_end(ws: Workspace) -> None:
    """At the end of its standard input, and at SIGTERM, the child tells what is in the ledger, and ends."""
    with composing(ws) as ledger:
        for ending in (Child.end, _terminate):
            with child(MODULE, ws.root) as writing:
                ledger.append(*[ledger.draft(EventKind.NODE_STARTED, {}) for _ in range(700)])
                assert ending(writing) == 0
            assert seqs(ws)[-1] == ledger.writer.head[0]


def _terminate(writing: Child) -> int:
    writing.process.send_signal(signal.SIGTERM)
    return writing.process.wait(60)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_it_rests_when_nothing_happens(ws: Workspace) -> None:
    """At rest it takes less than one per cent of a core; with a missing ledger too."""
    for present in (False, True):
        with child(MODULE, ws.root) as writing:
            if present:
                _compose_one(ws)
            eventually(lambda: ws.log.exists() and len(lines(ws)) > 0, "it is at rest")
            for _ in range(10):  # on a slow machine it comes to rest later
                before = _cpu_ticks(writing)
                with pytest.raises(subprocess.TimeoutExpired):
                    writing.process.wait(1.5)
                if (ticks := _cpu_ticks(writing) - before) <= 2:
                    break
            assert ticks <= 2, "ticks of 10 ms in 1.5 s"


def _compose_one(ws: Workspace) -> Composer:
    with composing(ws) as ledger:
        ledger.call()
    until_told(ws, ledger.writer.head[0])
    return ledger


def _cpu_ticks(writing: Child) -> int:
    fields = Path(f"/proc/{writing.process.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
