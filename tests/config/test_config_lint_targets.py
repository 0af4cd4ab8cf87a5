"""Lint of paths: workspaces, folders, files in and out of a workspace."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from peak_console.config.lint import LintFinding, lint_paths
from peak_console.domain.vocabulary import PhaseLevel

TODAY = date(2026, 11, 22)
M = "configs/ai/layer_model_matrix.toml"
B = "configs/ai/budgets.toml"


def lint(*paths: Path) -> list[LintFinding]:
    """The findings on some paths."""
    return lint_paths(paths, phase=PhaseLevel.RESEARCH, today=TODAY)


def spoiled(files: Any) -> Any:
    """The workspace with two faults in two files."""
    files.change(M, 'primary = "writer@1"', 'primary = "writer@9"')
    files.change(B, "warn_pct = 80.0", "warn_pct = 100.0")
    return files


def test_a_workspace_by_its_root(files: Any) -> None:
    """All its findings, named from the path that was given."""
    spoiled(files)
    assert [(one.rule, one.file) for one in lint(files.root)] == [
        ("budget.warn_order", f"{files.root}/{B}"),
        ("prompt.missing", f"{files.root}/{M}"),
    ]


def test_a_file_in_a_workspace_is_judged_with_its_siblings(files: Any) -> None:
    """Cross-file rules hold, and only the named file's findings are given."""
    spoiled(files)
    assert [one.rule for one in lint(files.root / M)] == ["prompt.missing"]
    assert [one.rule for one in lint(files.root / B)] == ["budget.warn_order"]
    assert [one.rule for one in lint(files.root / "configs/ai")] == ["budget.warn_order", "prompt.missing"]
    assert [one.rule for one in lint(files.root / M, files.root / M)] == ["prompt.missing"]


def test_paths_are_named_as_given(files: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative stays relative, so that editors and annotations find the file."""
    spoiled(files)
    monkeypatch.chdir(files.root)
    assert [one.file for one in lint(Path(B))] == [B]
    assert [one.file for one in lint(Path())] == [B, M]
    assert [one.file for one in lint(Path("configs"))] == [B, M]


def test_a_file_elsewhere_is_what_its_name_says(files: Any, tmp_path: Path) -> None:
    """Rules that need other files are silent, all others hold."""
    lone = tmp_path / "budgets.toml"
    lone.write_text("warn_pct = 100.0\n", encoding="utf-8")
    assert {one.rule for one in lint(lone)} == {"budget.warn_order", "budget.missing", "budget.rate_missing"}
    alone = tmp_path / "layer_model_matrix.toml"
    alone.write_text(files.read(M), encoding="utf-8")
    assert lint(alone) == []


def test_a_file_elsewhere_is_else_what_its_content_says(files: Any, tmp_path: Path) -> None:
    """A draft of a matrix under any name is a matrix."""
    draft = tmp_path / "draft.toml"
    draft.write_text(files.read(M).replace('"alpha-1"', '"claude-3"', 1), encoding="utf-8")
    assert [one.rule for one in lint(draft)] == ["policy.forbidden_model"]
    draft.write_text(
        files.read("configs/ai/models.toml").replace("allowed = true", "allowed = 1", 1), encoding="utf-8"
    )
    assert [one.rule for one in lint(draft)] == ["schema.wrong_type"]


def test_a_file_of_no_known_kind_gets_the_general_rules(tmp_path: Path) -> None:
    """Syntax, encoding, secrets, percentages, and the hard deny."""
    other = tmp_path / "other.toml"
    other.write_text('[agent]\nmodel_id = "claude-3"\nerror_ratio = 0.5\n', encoding="utf-8")
    assert [one.rule for one in lint(other)] == ["policy.forbidden_model", "schema.unitless_percent"]


@pytest.mark.parametrize("name", ["gone.toml", "control.toml", "no/such/folder"])
def test_a_path_that_is_not_there_is_a_finding(tmp_path: Path, name: str) -> None:
    """Not an exception, and not silence."""
    assert [one.rule for one in lint(tmp_path / name)] == ["file.missing"]


def test_a_path_in_configs_that_is_not_there_is_a_finding(files: Any) -> None:
    """Also where the workspace around it is well."""
    assert [one.rule for one in lint(files.root / "configs/ai/gone.toml")] == ["file.missing"]


def test_a_folder_elsewhere_is_its_files(tmp_path: Path) -> None:
    """Each by itself, in order."""
    (tmp_path / "b.toml").write_text("= ", encoding="utf-8")
    (tmp_path / "a.toml").write_text("= ", encoding="utf-8")
    assert [Path(one.file).name for one in lint(tmp_path)] == ["a.toml", "b.toml"]


def test_yaml_beside_toml_is_found_for_files_that_are_not_read_yet(files: Any) -> None:
    """The rule holds for every pair in configs."""
    files.write("configs/agents.toml", "")
    files.write("configs/agents.yaml", "")
    assert files.only("file.yaml_beside_toml").file == "configs/agents.yaml"


def test_the_same_workspace_gives_the_same_report(files: Any, make_files: Any) -> None:
    """Findings are sorted and do not depend on where the workspace lies."""
    spoiled(files)
    assert files.lint() == spoiled(make_files("other")).lint()


def test_a_repository_with_only_its_matrix_is_judged_by_what_it_has(files: Any) -> None:
    """What the matrix refers to is kept elsewhere; what the matrix itself breaks is told."""
    matrix = "configs/ai/layer_model_matrix.toml"
    for other in sorted((files.root / "configs").rglob("*.*")):
        if other != files.root / matrix:
            other.unlink()
    assert lint_paths([files.root / matrix], phase=PhaseLevel.RESEARCH, today=TODAY) == []
    files.change(matrix, '"gamma-1"', '"claude-opus"')
    found = lint_paths([files.root / matrix], phase=PhaseLevel.RESEARCH, today=TODAY)
    assert [one.rule for one in found] == ["policy.forbidden_model"]


def test_the_hook_for_other_repositories_runs_lint_on_configs() -> None:
    """Its pattern takes configs and a matrix anywhere, and nothing else."""
    repository = Path(__file__).resolve().parents[2]
    (hook,) = yaml.safe_load((repository / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert (hook["id"], hook["entry"], hook["language"]) == ("peak-lint", "peak lint", "python")
    pattern = re.compile(hook["files"])
    taken = ["configs/ai/models.toml", "a/b/layer_model_matrix.toml", "x/configs/ai/prompts/a/1.md"]
    left = ["src/configs.py", "README.md", "other/models.toml"]
    assert [name for name in taken + left if pattern.search(name)] == taken
