"""Scopes of another house become drafts; what is lost or contradicts is told, and no file changes."""

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.cli.program import run
from peak_console.config.defaults import write_default_configs
from peak_console.config.document import parse_document
from peak_console.config.lint.schema import validate
from peak_console.config.scopes import ScopeFile
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import UsageWrong
from peak_console.operations.importing.scopes import read_scopes_import
from peak_console.operations.importing.scopes_form import understood

SECTIONS = """
[scope]
layer_id = "L1"
description = "Research [bold]\\u202e"
autonomy_level = "PROP"
[models]
primary = "o3-deep-research"
fallback = ["strange-model"]
[inputs]
allowed = ["config/**", "docs/**"]
forbidden = ["config/**"]
[outputs]
allowed = ["Report"]
forbidden = ["OrderParameters"]
[tooling]
allowed = ["web", "telepathy"]
forbidden = ["shell"]
[tools]
allowed_tools = ["web", "files"]
[web_access]
allowed_domains = ["*.arxiv.org"]
rate_limit_per_hour = 50
max_search_depth = 3
[constraints]
no_execution_trigger = true
research_only = true
[logging]
required_fields = ["run_id", "citations_count"]
[safety]
safety_checks = ["no_secrets_in_output", "citations_present"]
[validation]
min_citations = 3
"""
FLAT = """
layer_id = "L3"
autonomy = "REC/PROP"
[tools]
allowed_tools = ["files"]
[outputs_forbidden]
execution_commands = true
"""


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The default workspace, its user's folders apart."""
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "keys"))
    write_default_configs(tmp_path / "ws")
    return Workspace(tmp_path / "ws")


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A folder of scopes of another house."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "L1_research.toml").write_text(SECTIONS)
    (folder / "L3_advice.toml").write_text(FLAT)
    (folder / "L9.toml").write_text('[scope]\nlayer_id = "L9"\nautonomy_level = "RO"\n')
    return folder


def test_mappings_losses_and_conflicts_are_told(ws: Workspace, theirs: Path) -> None:
    """Each key of a file is taken over, lost with a reason, or contradicts something by name."""
    found = read_scopes_import(ws, theirs)
    first, flat, stranger = found.files
    assert {row.key for row in first.mapped} >= {"outputs.forbidden", "web_access.allowed_domains"}
    lost = {row.source for row in first.lost}
    assert lost >= {
        "web_access.max_search_depth",
        "constraints.research_only",
        "validation",
        "tooling.allowed",
    }
    conflicts = {(row.source, row.key) for row in first.conflicts}
    assert conflicts >= {
        ("inputs.allowed", "inputs.forbidden"),
        ("tools.allowed_tools", "tooling.allowed"),
        ("models.fallback", "matrix L1.fallback"),
        ("tooling.allowed", "tooling.allowed"),
    }
    assert "ExecutionCommand" in next(row.value for row in flat.mapped if row.key == "outputs.forbidden")
    assert (stranger.layer, len(found.texts)) == (None, 2)


def test_the_draft_is_a_scope_that_loads(ws: Workspace, theirs: Path) -> None:
    """The text reads as a scope, grants no more than the file did, and holds nothing that hides."""
    texts = {target.name: text for target, (_, text) in read_scopes_import(ws, theirs).texts.items()}
    shape, hits, _ = validate("scope", parse_document(texts["scopes/L1"].encode(), "L1.toml"))
    assert isinstance(shape, ScopeFile)
    assert hits == []
    assert {tool.value for tool in shape.permitted_tools} == {"web"}
    assert shape.inputs.allowed == ("docs/**",)
    assert "\u202e" not in texts["scopes/L1"]


def test_drafts_are_kept_and_no_file_changes(
    ws: Workspace, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command keeps drafts once, refuses to replace another's, and leaves both folders as they were."""
    before = {path: path.read_bytes() for path in (*ws.root.rglob("*.toml"), *theirs.iterdir())}
    words = ["import", "scopes", str(theirs), "--root", str(ws.root), "--json"]
    assert run([*words, "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out)["drafts"] == []
    assert run(words) == 0
    assert json.loads(capsys.readouterr().out)["drafts"] == ["scopes/L1", "scopes/L3"]
    (theirs / "L3_advice.toml").write_text(FLAT.replace("files", "web"))
    assert run(words) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "draft_exists"
    (theirs / "L3_advice.toml").write_text(FLAT)
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (None, "import_no_folder"),
        ({}, "import_no_folder"),
        ({"README.md": "x"}, "import_no_folder"),
        ({"L1.toml": "[scope\n"}, "import_unreadable"),
    ],
)
def test_wrong_input_is_refused(
    ws: Workspace, tmp_path: Path, files: dict[str, str] | None, code: str
) -> None:
    """No folder, no scope in it, or a file that cannot be read: a code and a remedy, and no draft."""
    folder = tmp_path / "wrong"
    if files is not None:
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
    with pytest.raises(UsageWrong) as wrong:
        read_scopes_import(ws, folder)
    assert wrong.value.code == code
    assert wrong.value.remedy


_LEAF = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.dates(date(1990, 1, 1))
_KEYS = st.sampled_from(
    ["layer_id", "autonomy_level", "allowed", "forbidden", "allowed_tools", "required_fields", "x\n"]
)
_DATA = st.dictionaries(
    st.sampled_from(
        [
            "scope",
            "models",
            "inputs",
            "outputs",
            "tooling",
            "tools",
            "logging",
            "safety",
            "outputs_forbidden",
            "web_access",
        ]
    ),
    _LEAF | st.dictionaries(_KEYS, _LEAF | st.lists(_LEAF, max_size=3), max_size=4),
)


@given(data=_DATA)
def test_any_data_is_understood_or_lost(data: dict[str, object]) -> None:
    """Nothing a file holds makes it raise; what comes of it is TOML of a scope."""
    found = understood("f.toml", {"layer_id": "L2", **data})
    if found.layer is not None:
        shape, _, _ = validate("scope", parse_document(found.text().encode(), "f.toml"))
        assert isinstance(shape, ScopeFile), found.text()


def test_reading_twice_says_the_same(ws: Workspace, theirs: Path) -> None:
    """The same folder gives the same report."""
    assert read_scopes_import(ws, theirs).as_dict(()) == read_scopes_import(ws, theirs).as_dict(())
