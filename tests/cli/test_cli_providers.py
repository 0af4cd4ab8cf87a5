"""``peak providers check`` from the outside: exit codes, JSON, a page of 80 columns, no key anywhere."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.program import Peak

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("net", "llm")]

from provider_lists import KEYS, LISTS, SLOTS, environ, six, workspace

from peak_console.operations.shapes import SHAPES

SECRETS = [value for held in KEYS.values() for name, value in held.items() if name != "AWS_REGION"]


class _Lists(BaseHTTPRequestHandler):
    """The documented lists by path; keeps what came."""

    seen: list[tuple[str, str]]

    def do_GET(self) -> None:
        self.seen.append(("GET", self.path))
        body = LISTS.get(self.path)
        self.send_response(404 if body is None else 200)
        payload = json.dumps(body).encode()
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def do_POST(self) -> None:
        self.seen.append(("POST", self.path))
        self.send_error(500)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def lists() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """A server of six providers' lists: its address, and the requests that came."""
    handler = type("Lists", (_Lists,), {"seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", handler.seen  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


def test_six_providers_without_a_node(
    peak: Peak, tmp_path: Path, lists: tuple[str, list[tuple[str, str]]]
) -> None:
    """All proved, exit 0, though nothing is enabled and no node runs; nothing but lists was asked for."""
    url, seen = lists
    done = peak("providers", "check", "--json", "--root", six(tmp_path / "ws").root, **environ(url))
    assert done.code == 0, done.out + done.err
    SHAPES["providers-check"].model_validate(done.document)
    assert [one["provider"] for one in done.document["providers"]] == list(SLOTS)
    assert done.document["summary"]["fail"] == 0
    assert done.document["spent_eur"] == "0"
    assert sorted(seen) == sorted(("GET", path) for path in LISTS)
    assert not (tmp_path / "ws/audits").exists()


def test_the_page_fits_a_terminal(peak: Peak, tmp_path: Path, lists: tuple[str, Any]) -> None:
    """80 columns, one block for each provider, what is unknown marked as such, and no key."""
    done = peak("providers", "check", "--root", six(tmp_path / "ws").root, **environ(lists[0]))
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.partition(":")[0] for line in lines if line and line[0].isalpha()] == list(SLOTS)
    unknown = next(line for line in lines if line.startswith("  ?     deployment"))
    assert "gpt-5-2" in unknown
    assert "one token of output would cost at most 0.00" in " ".join(done.out.split())
    assert not [line for line in lines if line.endswith("-")], "an id was cut in two"
    assert lines[-1].endswith("nothing was spent")
    assert not [secret for secret in SECRETS if secret in done.out + done.err]


def test_a_failed_check_is_exit_1_and_says_what_to_do(
    peak: Peak, tmp_path: Path, lists: tuple[str, Any]
) -> None:
    """A model that is gone, by its provider's name."""
    ws = workspace(tmp_path / "ws", ("openai", "gpt-5-nano", None), ("mistral", "mistral-medium-2604", None))
    done = peak("providers", "check", "openai", "--root", ws.root, **environ(lists[0]))
    assert done.code == 1
    assert "  FAIL  model       gpt-5-nano: not in the provider's list" in done.out
    assert "do: put openai:gpt-6-luna in its place" in done.out
    assert "mistral" not in done.out


def test_an_unreachable_provider_is_exit_3(peak: Peak, tmp_path: Path) -> None:
    """Port 1 of this machine: nobody listens there."""
    ws = workspace(tmp_path / "ws", ("openai", "gpt-5.2", None))
    done = peak(
        "providers", "check", "--root", ws.root, "--wait", "2", **environ("http://127.0.0.1:1", "openai")
    )
    assert done.code == 3
    assert "FAIL  reachable" in done.out


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("anthropic",), 2, "provider_unknown"),
        (("nobody",), 2, "provider_unknown"),
        (("openai", "--wait", "0"), 2, "usage"),
    ],
)
def test_wrong_use_is_told(peak: Peak, tmp_path: Path, words: tuple[str, ...], code: int, why: str) -> None:
    """A provider that nobody speaks to, a wait that is none."""
    ws = workspace(tmp_path / "ws", ("openai", "gpt-5.2", None))
    done = peak("providers", "check", *words, "--root", ws.root)
    assert done.code == code
    assert f"({why})" in done.err
    assert "do:  " in done.err


def test_a_broken_config_is_told(peak: Peak, tmp_path: Path) -> None:
    """The same refusal as everywhere; nothing is asked."""
    ws = workspace(tmp_path / "ws", ("openai", "gpt-5.2", None))
    ws.budgets.write_text("[", encoding="utf-8")
    done = peak("providers", "check", "--json", "--root", ws.root)
    assert done.code == 1
    assert done.document["error"]["remedy"]
