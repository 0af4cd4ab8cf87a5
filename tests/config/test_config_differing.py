"""How two versions differ: as a patch, and by key."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.config.editing.differing import KeyChange, key_changes, text_diff

LINES = st.lists(st.sampled_from(["a\n", "b\n", "\n", "c d\n", "e\r\n"]), max_size=8).map("".join)


@settings(deadline=None, max_examples=100)
@given(LINES, LINES.map(lambda text: text.rstrip("\n")))
def test_a_diff_is_empty_only_for_equal_texts(old: str, new: str) -> None:
    """And says of a last line without an end that it has none."""
    diff = text_diff(old, new, "configs/x.toml")
    assert (diff == "") == (old == new)
    assert diff == "" or diff.startswith("--- a/configs/x.toml\n+++ b/configs/x.toml\n@@")
    assert diff.endswith("\n") or not diff


@pytest.mark.parametrize(("old", "new"), [("a\nb", "a\nc\n"), ("a\n", "a\nb"), ("x\r\ny\r\n", "x\r\nz\r\n")])
def test_a_diff_can_be_applied(tmp_path: Path, old: str, new: str) -> None:
    """The new text comes of the old one by `git apply`."""
    file = tmp_path / "one.toml"
    file.write_text(old, encoding="utf-8", newline="")
    patch = text_diff(old, new, "one.toml").encode()
    subprocess.run(["git", "apply", "-p1", "-"], cwd=tmp_path, input=patch, check=True, timeout=60)
    assert file.read_bytes().decode() == new


def test_keys_that_changed_came_and_went() -> None:
    """Dotted, with their values as TOML writes them."""
    old = 'a = 1\n[t]\nx = "one"\ngone = true\n'
    new = 'a = 1.0\n[t]\nx = "two"\nnew = [1, 2]\n'
    assert key_changes(old, new, "x.toml") == (
        KeyChange("a", "1", "1.0"),
        KeyChange("t.x", '"one"', '"two"'),
        KeyChange("t.new", None, "[1, 2]"),
        KeyChange("t.gone", "true", None),
    )


def test_tables_in_a_list_are_compared_with_what_they_became() -> None:
    """One that goes does not make all behind it look changed; a lone table is a list of one."""
    old = "".join(f'[[model]]\nid = "{name}"\n' for name in "abc")
    new = old.replace('[[model]]\nid = "b"\n', "")
    assert key_changes(old, new, "models.toml") == (KeyChange("model[1].id", '"b"', None),)
    lone = "[L2.fallback]\nx = 1\n"
    assert key_changes(lone, lone.replace("[L2.fallback]", "[[L2.fallback]]"), "m.toml") == ()
    assert key_changes(lone, lone.replace("1", "2"), "m.toml") == (KeyChange("L2.fallback.x", "1", "2"),)
    both = f"[{lone.strip().replace(chr(10), ']' + chr(10), 1)}\n[[L2.fallback]]\nx = 2\n"
    assert key_changes(lone, both, "m.toml") == (KeyChange("L2.fallback[1].x", None, "2"),)


def test_files_that_come_and_go_and_texts_without_keys() -> None:
    """A new file is all new keys; a prompt and a broken text have none."""
    assert key_changes(None, "[a]\nx = 1\n", "a.toml") == (KeyChange("a.x", None, "1"),)
    assert key_changes("[a]\n", None, "a.toml") == (KeyChange("a", "{}", None),)
    assert key_changes("run: {max_calls: 1}", "run: {max_calls: 2}", "b.yaml") == (
        KeyChange("run.max_calls", "1", "2"),
    )
    assert key_changes("one", "two", "prompts/x/1.md") == ()
    assert key_changes("= [", "a = 1", "a.toml") == ()


def test_hostile_values_are_made_plain() -> None:
    """No control or direction mark of a file reaches a screen; long values are cut."""
    (change,) = key_changes("", 'x = "a\\u202Eb\\u001b[31m"', "a.toml")
    assert change.new is not None
    assert change.new.isprintable()
    (long,) = key_changes("", f'x = "{"y" * 5000}"', "a.toml")
    assert long.new is not None
    assert len(long.new) <= 200
