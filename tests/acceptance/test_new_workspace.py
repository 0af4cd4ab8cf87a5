"""A new workspace from the outside: stopped, opened by its operator, stopped again, and never by accident."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from support.program import Peak

from peak_console.operations.shapes import SHAPES

SERVED: Final = "[exporters.metrics]\nenabled = true"
UNSERVED: Final = "[exporters.metrics]\nenabled = false"  # no story here is about metrics


@pytest.fixture
def desk(peak: Peak, tmp_path: Path) -> Iterator[Path]:
    """A workspace as ``peak init`` makes it; its node is ended afterwards."""
    yield from _made(peak, tmp_path / "desk")


@pytest.fixture(scope="module")
def closed(peak: Peak, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One for all tests after which it must be as closed as before."""
    yield from _made(peak, tmp_path_factory.mktemp("closed") / "desk")


def _made(peak: Peak, root: Path) -> Iterator[Path]:
    done = peak("init", root, "--operator", "alice")
    assert done.code == 0, done.err
    console = root / "configs/console.toml"
    text = console.read_text(encoding="utf-8")
    assert text.count(SERVED) == 1
    console.write_text(text.replace(SERVED, UNSERVED), encoding="utf-8")
    yield root
    peak("node", "stop", "--force", "--root", root)


def _posture(peak: Peak, desk: Path) -> dict[str, object]:
    document = peak("status", "--root", desk, "--json").document
    SHAPES["status"].model_validate(document)
    posture: dict[str, object] = document["posture"]
    return posture


def test_init_overwrites_nothing(peak: Peak, desk: Path) -> None:
    """A second ``init`` keeps what stands there, also what the operator changed."""
    matrix = desk / "configs/ai/layer_model_matrix.toml"
    matrix.write_text(matrix.read_text() + "# mine\n")
    again = peak("init", desk, "--json")
    assert again.code == 0
    assert again.document["made"] == []
    assert matrix.read_text().endswith("# mine\n")
    assert tomllib.loads(matrix.read_text())["global"]["forbidden_providers"] == ["anthropic"]


def test_a_new_workspace_refuses_calls(peak: Peak, closed: Path) -> None:
    """Without an operator's enable nothing leaves; the refusal is on the ledger."""
    assert peak("node", "start", "--root", closed).code == 0
    done = peak(
        "call", "L2", "primary", "--prompt", "hello", "--root", closed, "--json", OPENAI_API_KEY="sk-none"
    )
    assert done.code == 1
    assert done.document["error"]["code"]
    events = peak("ledger", "tail", "--root", closed, "--json").document["events"]
    assert "llm.call.refused" in [one["kind"] for one in events]
    assert "llm.call.requested" not in [one["kind"] for one in events]
    assert _posture(peak, closed)["calls"] is False


def test_a_call_without_node_says_what_to_do(peak: Peak, desk: Path) -> None:
    """No node is exit 3 with a remedy."""
    done = peak("call", "L2", "primary", "--prompt", "hello", "--root", desk)
    assert done.code == 3
    assert "node" in done.err
    assert "do:  " in done.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--confirm", "ENABLE"), "reason_missing"),
        (("--reason", "work"), "confirm_missing"),
        (("--reason", "work", "--confirm", "enable"), "confirm_missing"),
        (("--reason", "work", "--confirm", "ENABLE", "--operator", "mallory"), "key_unusable"),
    ],
)
def test_enable_needs_reason_word_and_key(peak: Peak, closed: Path, words: tuple[str, ...], why: str) -> None:
    """Whatever is missing keeps it stopped."""
    done = peak("enable", *words, "--root", closed, "--json")
    assert done.code != 0
    assert done.document["error"]["code"] == why
    assert _posture(peak, closed)["calls"] is False


def test_enable_then_stop(peak: Peak, desk: Path) -> None:
    """Enable opens at once on a new workspace; stop ends it, is recorded, and survives the node."""
    assert peak("enable", "--reason", "work", "--confirm", "ENABLE", "--root", desk).code == 0
    assert _posture(peak, desk)["state"] == "DISARMED"
    stopped = peak("stop", "--reason", "enough", "--root", desk, "--json")
    assert stopped.code == 0
    assert stopped.document["effective"] is True
    assert stopped.document["recorded"]["seq"]
    assert _posture(peak, desk)["state"] == "STOPPED"
    assert peak("node", "stop", "--root", desk).code == 0
    assert peak("node", "start", "--root", desk).code == 0
    assert _posture(peak, desk)["state"] == "STOPPED"


def test_stop_works_without_node_and_with_a_broken_ledger(peak: Peak, desk: Path) -> None:
    """No node, no database, no file that parses: the stop is effective all the same."""
    assert peak("enable", "--reason", "work", "--confirm", "ENABLE", "--root", desk).code == 0
    assert peak("node", "stop", "--root", desk).code == 0
    (desk / "audits/ledger.db").write_bytes(b"this is no database")
    (desk / "configs/ai/layer_model_matrix.toml").write_text("[[[")
    done = peak.started("stop", "--no-such-option", "--root", desk, "--json")
    assert done.code == 0
    assert done.document["effective"] is True
    assert not (desk / "audits/control/ENABLED").exists()
    assert (desk / "audits/control/STOP").exists()


def test_ai_enabled_false_binds_its_own_process(peak: Peak, desk: Path) -> None:
    """The variable lowers what this process may do, and no value of it raises anything."""
    assert peak("enable", "--reason", "work", "--confirm", "ENABLE", "--root", desk).code == 0
    refused = peak(
        "call", "L2", "--prompt", "x", "--root", desk, "--json", AI_ENABLED="false", OPENAI_API_KEY="k"
    )
    assert refused.code == 1
    peak("stop", "--root", desk)
    still = peak(
        "call", "L2", "--prompt", "x", "--root", desk, "--json", AI_ENABLED="true", OPENAI_API_KEY="k"
    )
    assert still.code == 1
