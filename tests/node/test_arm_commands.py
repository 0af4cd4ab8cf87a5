"""``peak arm`` at a node: where a token comes out and goes in, and what each command prints."""

import asyncio
import json
import os
import pty
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from node_world import World, node_here

from peak_console.cli import token_entry
from peak_console.cli.program import run as peak
from peak_console.operations.shapes import SHAPES

ASK = ("arm", "request", "--drill", "--scope", "venue:paper", "--purpose", "weekly", "--reason", "drill")


def at_node(world: World, work: Callable[[], None]) -> None:
    """``work`` beside a node that permits calls."""

    async def main() -> None:
        async with node_here(world) as node:
            await asyncio.to_thread(world.enable, node.socket_path)
            await asyncio.to_thread(work)

    asyncio.run(main())


class Hands:
    """Somebody at the command line of one workspace."""

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self._root = str(world.ws.root)
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Run ``peak WORDS``: code, standard output, standard error."""
        code = peak([*words, "--root", self._root])
        told = self._capsys.readouterr()
        return code, told.out, told.err

    def document(self, *words: str) -> Any:
        """Run it with ``--json``; what it prints has its shape."""
        code, out, err = self(*words, "--json")
        assert code == 0, (out, err)
        document = json.loads(out)
        SHAPES[f"{words[0]}-{words[1]}"].model_validate(document)
        return document


@pytest.fixture
def hands(world: World, capsys: pytest.CaptureFixture[str]) -> Hands:
    """Hands on the test's workspace."""
    return Hands(world, capsys)


def test_a_token_goes_where_it_was_asked_to_and_nowhere_else(world: World, hands: Hands) -> None:
    """By a file descriptor out and in; the document of the request does not have it, nor does the status."""

    def work() -> None:
        reading, writing = os.pipe()
        asked = hands.document(*ASK, "--ttl", "10m", "--token-fd", str(writing))
        token = os.read(reading, 100).decode().strip()
        assert len(token) == 12
        assert token not in json.dumps(asked)
        assert asked["phrase"] == "DRILL venue:paper 10 MIN"
        status = hands.document("arm", "status")
        assert (status["state"], status["request"]["request_id"]) == ("confirmable", asked["request_id"])
        assert token not in json.dumps(status)
        code, out, err = hands("arm", "confirm", "--token-fd", "3", "--token-stdin")
        assert (code, out) == (2, "")
        os.write(writing, f"{token}\n".encode())
        words = ("--token-fd", str(reading), "--phrase", asked["phrase"])
        armed = hands.document("arm", "confirm", asked["request_id"], *words)["armed"]
        assert (armed["drill"], armed["scope"], armed["actor"]) == (True, "venue:paper", "anna")
        code, out, err = hands("arm", "status")
        assert code == 0
        assert "DRILL, nothing passes: venue:paper for anna" in out
        code, out, err = hands("arm", "confirm")
        assert code == 1
        assert "arm_no_request" in err
        os.close(reading)
        os.close(writing)

    at_node(world, work)


def test_a_token_on_standard_output_is_asked_for_by_name(world: World, hands: Hands) -> None:
    """Only ``--token-fd 1`` puts it into the document; then it can be taken back, once."""

    def work() -> None:
        asked = hands.document(*ASK, "--token-fd", "1")
        assert len(asked["token"]) == 12
        assert hands.document("arm", "withdraw")["withdrawn"] is True
        assert hands.document("arm", "withdraw", asked["request_id"])["withdrawn"] is False
        code, _, err = hands(*ASK, "--token-fd", "999")
        assert code == 2
        assert "descriptor_closed" in err
        assert hands.document("arm", "status")["state"] == "idle"

    at_node(world, work)


def test_without_a_terminal_it_says_how_else(
    world: World, hands: Hands, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing is asked for where no token could be shown, and none is read where none can be typed hidden."""
    monkeypatch.setattr(token_entry, "_TERMINAL", tmp_path / "no" / "tty")

    def work() -> None:
        code, _, err = hands(*ASK)
        assert code == 2
        assert "no_terminal" in err
        assert "--token-fd 3" in err
        assert hands.document("arm", "status")["past"] == []
        hands(*ASK, "--token-fd", "1")
        code, _, err = hands("arm", "confirm", "--phrase", "x")
        assert code == 2
        assert "--token-stdin" in err
        code, _, err = hands(*ASK, "--ttl", "soon", "--token-fd", "1")
        assert code == 2
        assert "ttl_malformed" in err

    at_node(world, work)


def test_status_without_a_node_says_so_and_what_happened(world: World, hands: Hands) -> None:
    """The ledger's part is shown all the same."""
    status = hands.document("arm", "status")
    assert status["state"] == "idle"
    assert status["problem"]
    assert status["refusals"]


def test_a_token_is_typed_hidden_on_the_terminal() -> None:
    """In a pseudo-terminal: what is typed is read, and not one character of it is seen."""
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - the child
        code = (
            "from peak_console.cli.token_entry import typed_token, typed_phrase, show_token\n"
            "show_token(['token: ABCDE-FGHJK0'], 'ABCDE-FGHJK0', None)\n"
            "token = typed_token(from_stdin=False, descriptor=None)\n"
            "phrase = typed_phrase('DRILL x 1 MIN')\n"
            "print('read', len(token), phrase == 'DRILL x 1 MIN', 'end', flush=True)\n"
        )
        os.execv(sys.executable, [sys.executable, "-c", code])  # noqa: S606 - our own interpreter
    seen = b""
    try:
        seen = _until(terminal, b"(hidden): ")
        assert b"ABCDE-FGHJK0" in seen
        os.write(terminal, b"SECRET-TOKEN\n")
        seen = _until(terminal, b"> ")
        os.write(terminal, b"DRILL x 1 MIN\n")
        seen += _until(terminal, b" end")
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)
    assert b"12 True" in seen
    assert b"SECRET" not in seen


def _until(terminal: int, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        piece = os.read(terminal, 1024)
        assert piece, seen
        seen += piece
    return seen
