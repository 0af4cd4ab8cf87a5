"""``peak lock``: what it prints, and its exit codes. What it does is tested with a node of its own."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.locks import lock_file, write_lock

from peak_console.cli.program import run
from peak_console.config.defaults import write_demo_configs
from peak_console.config.load import load_configs
from peak_console.config.workspace import Workspace
from peak_console.control.keys import WORKSPACE, KeyStore
from peak_console.domain.clock import SystemClock
from peak_console.operations.shapes import SHAPES


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace without a ledger, with a lock that attests all of its models."""
    now = SystemClock().now()
    write_demo_configs(tmp_path, today=now.date())
    (tmp_path / "audits").mkdir()
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "private"))
    KeyStore(Workspace(tmp_path).keys).create(WORKSPACE)
    configs = load_configs(Workspace(tmp_path), today=now.date())
    write_lock(tmp_path, lock_file(configs, "attested", now))
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> Any:
    """Run ``peak lock WORDS --json``; gives the document."""
    assert run(["lock", *words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_lock_is_shown_and_checked(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1 while its signer is on no ledger; the document is as its schema says."""
    root = ("--root", str(desk))
    shown = said(capsys, 0, "show", *root)
    SHAPES["lock-show"].model_validate(shown)
    assert (shown["sound"], shown["counts"], len(shown["entry"])) == (True, True, 14)
    found = said(capsys, 1, "check", "--phase", "shadow", *root)
    SHAPES["lock-check"].model_validate(found)
    assert [one["code"] for one in found["problems"]] == ["signer_not_enrolled", "not_current"]
    assert run(["lock", "check", *root]) == 1
    text = capsys.readouterr().out
    assert "no enrolled operator" in text
    assert "L2.primary openai:gpt-5-mini" in text


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["show", "zz"], 2, "digest_malformed"),
        (["show", "0" * 10], 2, "lock_unknown"),
        (["diff"], 2, "no_previous_lock"),
        (["write", "--expires-in", "900d", "--reason", "x"], 2, "duration_malformed"),
        (["write", "--expires-in", "soon", "--reason", "x"], 2, "duration_malformed"),
        (
            ["write", "--dry-run", "--attest", "x", "--operator", "anna", "--slot", "L5.primary"],
            2,
            "no_such_slot",
        ),
    ],
)
def test_wrong_input_is_told(
    desk: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, reason: str
) -> None:
    """By a code, with what to do."""
    error = said(capsys, code, *words, "--root", str(desk))["error"]
    assert error["code"] == reason
    assert error["remedy"]


def test_a_rehearsal_changes_nothing(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It needs no node and no ledger, and says what would be written."""
    before = (desk / "configs/ai/verified_models.lock").read_bytes()
    words = ["write", "--dry-run", "--attest", "looked", "--operator", "anna", "--root", str(desk)]
    told = said(capsys, 0, *words)
    SHAPES["lock-write"].model_validate(told)
    assert (told["digest"], told["seq"], told["evidence"]["attested"]) == (None, None, 14)
    assert (desk / "configs/ai/verified_models.lock").read_bytes() == before


def test_where_there_is_none_it_is_told(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No lock is no defect: exit 3 to show, exit 1 to check."""
    (desk / "configs/ai/verified_models.lock").unlink()
    assert said(capsys, 3, "show", "--root", str(desk))["error"]["code"] == "no_lock"
    assert said(capsys, 1, "check", "--root", str(desk))["problems"][0]["code"] == "missing"
