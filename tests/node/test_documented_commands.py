"""The commands that the pages show, run as they are written, one after the other in a new workspace."""

import json
import re
import shlex
from pathlib import Path

import pytest
from node_world import World

from peak_console.cli.program import run

DOCS = Path(__file__).parents[2] / "docs"
_COMMAND = re.compile(r"^    (peak .*?)(?:  +# .*)?$", re.MULTILINE)

ANSWERED = {
    "peak matrix approve 3f9a01c2": "no_such_version",
    "peak lock diff 3f9c2a": "lock_unknown",
    "peak lock check --phase testnet": "config_invalid",
    "peak readiness shadow": "",
}
"""What a new workspace cannot do, by how it begins: digests of another one, and the rules of later phases."""

REGISTRY = """
[models.mini]
provider = "openai"
model_id = "gpt-5-mini"
context_window = 400000
max_output_tokens = 128000

[layer_mapping.L2]
primary = "mini"
fallback = []
critic = "none"
"""
LITELLM = "model_list:\n  - model_name: mini\n    litellm_params:\n      model: openai/gpt-5-mini\n"


def commands_of(page: str) -> list[str]:
    """The indented lines of a page that are commands."""
    return _COMMAND.findall((DOCS / page).read_text(encoding="utf-8"))


@pytest.fixture
def inside(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A new workspace to work in, and beside it what others have and an import reads."""
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(world.ws.root)
    for name, text in {"config/model_registry.toml": REGISTRY, "litellm/config.yaml": LITELLM}.items():
        file = world.ws.root / name
        file.parent.mkdir()
        file.write_text(text, encoding="utf-8")
    return world


@pytest.mark.parametrize(("page", "least"), [("matrix.md", 8), ("lock.md", 6), ("import.md", 4)])
def test_every_example_of_a_page_runs(
    page: str, least: int, inside: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a reader types from the page works, in the order of the page; else the answer is one foreseen."""
    commands = commands_of(page)
    assert len(commands) >= least
    for command in commands:
        code = run(["--json", *shlex.split(command)[1:]])
        error = json.loads(capsys.readouterr().out).get("error", {})
        foreseen = next((one for begin, one in ANSWERED.items() if command.startswith(begin)), None)
        assert (error.get("code", "") == foreseen) if foreseen is not None else code == 0, (command, error)


def test_what_is_typed_by_hand_is_read_as_meant(inside: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A moment back is no option, a look counts what was said, what comes to nothing is refused by name."""

    def answer(*words: str) -> str:
        run(list(words))
        told = capsys.readouterr()
        return told.out + told.err

    change = ("matrix", "set", "L2.primary", "openai:gpt-5.1", "--reason", "r")
    assert "a save asks for the word CHANGE" in answer(*change, "--dry-run")
    assert "without --dry-run would be made" in answer(*change, "--dry-run", "--confirm", "CHANGE")
    begun = answer("matrix", "show", "--text")
    answer(*change, "--confirm", "CHANGE")
    assert "gpt-5.1" in answer("matrix", "diff", "previous", "disk")
    assert "saved" in answer("matrix", "at", "-0s")
    assert "no_version_then" in answer("config", "at", "matrix", "-5m")
    standing = json.loads(answer("--json", "matrix", "history"))["versions"][0]["digest"]
    assert "nothing_to_approve" in answer("matrix", "approve", standing, "--reason", "r")
    assert "/nonexist: the file is not there" in answer("import", "registry", "/nonexist")
    snapshot = ("--slot", "L2.primary", "--snapshot", "openai:gpt-5.2=gpt-5.2-2025-12-11")
    assert "snapshot_unused" in answer("lock", "write", "--attest", "a", "--reason", "r", *snapshot)
    answer("lock", "write", "--attest", "a", "--reason", "r")
    assert "L2.primary attested" in answer("models", "show", "openai:gpt-5.1")
    answer("matrix", "rollback", "previous", "--reason", "r", "--confirm", "CHANGE")
    assert answer("matrix", "show", "--text") == begun
