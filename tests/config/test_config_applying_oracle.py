"""Changed texts as another TOML library reads them, one that keeps comments and formatting as data."""

import tomllib
from typing import Any

import pytest
import tomlkit

from peak_console.config.defaults import default_configs
from peak_console.config.editing.applying import apply_changes
from peak_console.config.editing.changes import ABSENT, Change
from peak_console.config.positions import Path

SHIPPED = sorted(default_configs().rglob("*.toml"))


def _leaves(value: Any, path: Path = ()) -> list[Path]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in _leaves(inner, (*path, key))]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [leaf for place, inner in enumerate(value) for leaf in _leaves(inner, (*path, place))]
    return [path]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_another_library_reads_what_was_changed(file: Any) -> None:
    """Keys of each shipped config set and taken out: it reads what we do, and gives every byte back."""
    text = file.read_text(encoding="utf-8")
    leaves = _leaves(tomllib.loads(text))
    changed = apply_changes(text, [Change(path, "set by a test") for path in leaves[::3][:12]])
    shorter = apply_changes(text, [Change(path, ABSENT) for path in reversed(leaves[::5][:12])])
    for result in (changed, shorter):
        document = tomlkit.parse(result)
        assert document.unwrap() == tomllib.loads(result)
        assert tomlkit.dumps(document) == result
    assert changed.count("set by a test") == len(leaves[::3][:12])
