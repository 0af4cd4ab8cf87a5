"""Changes by key in the text of a TOML file: exactly what was meant, and nothing besides."""

import re
import tomllib
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from peak_console.config.defaults import default_configs
from peak_console.config.editing.applying import apply_changes
from peak_console.config.editing.changes import ABSENT, Change
from peak_console.config.editing.intending import MISSING, at, intended, same, same_but_husks
from peak_console.config.editing.rendering import is_block, key_of, rendered
from peak_console.config.positions import Path
from peak_console.domain.errors import UsageWrong

MATRIX = (default_configs() / "ai/layer_model_matrix.toml").read_text(encoding="utf-8")
MODELS = (default_configs() / "ai/models.toml").read_text(encoding="utf-8")


def _load(text: str) -> dict[str, Any]:
    return tomllib.loads(text, parse_float=Decimal)


def _set(text: str, path: Path, value: Any) -> str:
    return apply_changes(text, [Change(path, value)])


def _added(old: str, new: str) -> list[str]:
    """The lines that the new text has besides the old one's, which must all be there in order."""
    rest = iter(new.splitlines())
    added = []
    for line in old.splitlines():
        for other in rest:
            if other == line:
                break
            added.append(other)
        else:
            raise AssertionError(f"lost: {line}")
    return [*added, *rest]


def test_a_new_key_stands_in_its_table_not_behind_the_next_heading() -> None:
    """The comment that heads the next table keeps heading it."""
    text = _set(MATRIX, ("L1", "critic", "base_url"), "https://one.example/v1")
    assert _added(MATRIX, text) == ['base_url = "https://one.example/v1"']
    after = 'max_output_tokens = 4000\nbase_url = "https://one.example/v1"\n\n# --- L2: market outlook'
    assert after in text


def test_a_value_is_replaced_where_it_stands() -> None:
    """Its trailing comment stays."""
    text = _set(MATRIX, ("L4", "critic_policy"), "always")
    assert 'critic_policy = "always"   # and wherever its verdict is PASS on an order path\n' in text
    assert len(text.splitlines()) == len(MATRIX.splitlines())


def test_a_table_that_goes_takes_no_other_comment_along() -> None:
    """The heading of the next layer stays, with one blank line before it."""
    text = _set(MATRIX, ("L2", "critic"), ABSENT)
    assert "max_output_tokens = 6000\n\n# --- L3: trade plan advisory" in text
    assert _added(text, MATRIX) == [
        "[L2.critic]",
        'provider = "openai"',
        'model_id = "gpt-5.2"',
        "timeout_s = 120",
        "max_output_tokens = 4000",
        "",
    ]


def test_a_layer_that_goes_takes_its_heading() -> None:
    """The heading describes what is gone."""
    text = _set(MATRIX, ("L2",), ABSENT)
    assert "[L2" not in text
    assert "market outlook" not in text
    assert "\n\n\n" not in text
    assert text.count("# ---") == MATRIX.count("# ---") - 1


def test_a_lone_fallback_is_written_back_as_found() -> None:
    """Decision 3: element 0 of a lone table is that table, and a list of one leaves it a table."""
    text = _set(MATRIX, ("L2", "fallback", 0, "timeout_s"), 60)
    assert text == _set(MATRIX, ("L2", "fallback", "timeout_s"), 60)
    assert "[L2.fallback]" in text
    lone = [{**_load(MATRIX)["L2"]["fallback"], "timeout_s": 60}]
    assert _set(MATRIX, ("L2", "fallback"), lone) == text


def test_a_second_fallback_makes_an_array_of_tables() -> None:
    """The first keeps its place, the second comes behind it."""
    second = {"provider": "mistral", "model_id": "mistral-large-2512"}
    text = _set(MATRIX, ("L2", "fallback", 1), second)
    assert text.count("[[L2.fallback]]") == 2
    assert "[L2.fallback]\n" not in text.replace("[[L2.fallback]]", "")
    assert _load(text)["L2"]["fallback"][1] == second
    again = _set(text, ("L2", "fallback", 1), ABSENT)
    assert again == MATRIX.replace("[L2.fallback]", "[[L2.fallback]]")


def test_an_element_of_the_registry_comes_and_goes() -> None:
    """An entry with a table of its own, taken out, leaves the others byte for byte."""
    parts = MODELS.split("[[model]]\n")
    assert _set(MODELS, ("model", 1), ABSENT) == "[[model]]\n".join([*parts[:2], *parts[3:]])
    assert _set(MODELS, ("model", 0), ABSENT) == "[[model]]\n".join([parts[0], *parts[2:]])


CASES: list[tuple[str, Path, Any, str]] = [
    ("", ("a",), 1, "a = 1\n"),
    ("a = 1", ("b",), 2, "a = 1\nb = 2"),
    ("a = 1\r\n", ("b", "c"), "x", 'a = 1\r\n\r\n[b]\r\nc = "x"\r\n'),
    ("# head\n[t]\nx = 1\n", ("a",), 1, "# head\na = 1\n\n[t]\nx = 1\n"),
    ("# head\n\n# of t\n[t]\nx = 1\n", ("a",), 1, "# head\n\na = 1\n\n# of t\n[t]\nx = 1\n"),
    ("t = { x = 1 } # why\n", ("t", "y"), 2, "t = { x = 1, y = 2 } # why\n"),
    ("t = {}\n", ("t", "y"), 2, "t = { y = 2 }\n"),
    ("t = { x = 1, y = 2 }\n", ("t", "y"), ABSENT, "t = { x = 1 }\n"),
    ("t = { x = 1, y = 2 }\n", ("t", "x"), ABSENT, "t = { y = 2 }\n"),
    ("a.b = 1 # one\nc = 2\n", ("a", "d"), 3, "a.b = 1 # one\na.d = 3\nc = 2\n"),
    ("a.b.c = 1\n", ("a", "b", "c"), ABSENT, ""),
    ('"odd key" = 1\n', ("odd key",), 2, '"odd key" = 2\n'),
    ("['a.b'.c]\nx = 1\n", ("a.b", "c", "no bare"), True, "['a.b'.c]\nx = 1\n\"no bare\" = true\n"),
    ("a = [1, 2]\n", ("a", 2), 3, "a = [1, 2, 3]\n"),
    ("a = [\n  1, # one\n  2, # two\n]\n", ("a", 1), ABSENT, "a = [\n  1, # one\n]\n"),
    ("a = [\n  1, # one\n  2 # two\n]\n", ("a", 2), 3, "a = [\n  1, # one\n  2, # two\n  3\n]\n"),
    ("a = [\n  1, # one\n  3,\n]\n", ("a",), [1, 2, 3], "a = [\n  1, # one\n  2,\n  3,\n]\n"),
    ("a = []\n", ("a",), ["x"], 'a = ["x"]\n'),
    ("[a.b]\nx = 1\n", ("a", "y"), 1, "[a]\ny = 1\n\n[a.b]\nx = 1\n"),
    (
        "[a]\nx = 1\n# last\n\n# of b\n[b]\n",
        ("a", "c"),
        {"z": 1},
        "[a]\nx = 1\n# last\n\n[a.c]\nz = 1\n\n# of b\n[b]\n",
    ),
    ("[a]\nx = 1\n[b]\ny = 2\n", ("a",), ABSENT, "[b]\ny = 2\n"),
    ("x = 1\n\n# of a\n[a]\ny = 1\n", ("a",), ABSENT, "x = 1\n"),
    ("[[a]]\nx = 1\n", ("a",), [], "a = []\n"),
    ("[a]\nx = 1\n", ("a",), 3, "a = 3\n"),
    ("a = 3 # three\n", ("a",), 3, "a = 3 # three\n"),
    ("a = 1_000\n", ("a",), 1000, "a = 1_000\n"),
    ("a = 1\n", ("a",), Decimal(1), "a = 1.0\n"),
    ("a = '''\nlong\n''' # kept\n", ("a",), "b\nc", 'a = "b\\nc" # kept\n'),
    ("a = 1\n", ("d",), date(2026, 11, 22), "a = 1\nd = 2026-11-22\n"),
]


@pytest.mark.parametrize(("text", "path", "value", "expected"), CASES)
def test_what_a_change_makes_of_a_text(text: str, path: Path, value: Any, expected: str) -> None:
    """Each way of writing a table or list, with CRLF, without a last newline, with quoted keys."""
    assert _set(text, path, value) == expected


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("a = [", ("a",), 1),
        ("a = 1\n", (), 1),
        ("a = 1\n", ("a", "b"), 1),
        ("a = [1]\n", ("a", 3), 1),
        ("[[a]]\nx = 1\n", ("a", 1), 5),
        ("a = 1\n", ("a",), object()),
        ("a = 1\n", ("b", 2), 1),
    ],
)
def test_what_cannot_be_changed_is_refused(text: str, path: Path, value: Any) -> None:
    """With a code and a remedy, never with a text that says something else."""
    with pytest.raises(UsageWrong) as refusal:
        _set(text, path, value)
    assert refusal.value.code == "edit_impossible"
    assert refusal.value.remedy


def test_yaml_is_not_changed_by_key() -> None:
    """It says so, and what to do."""
    with pytest.raises(UsageWrong, match="only TOML") as refusal:
        apply_changes("run: {}\n", [Change(("run", "max_calls"), 1)], path="configs/ai/budgets.yaml")
    assert refusal.value.code == "edit_impossible"


KEYS = st.sampled_from(["a", "b", "c", "x y", "é", "1"])
SCALARS: Any = st.one_of(
    st.integers(-5, 5),
    st.booleans(),
    st.text(st.characters(codec="utf-8"), max_size=6),
    st.decimals(-5, 5, places=2),
    st.dates(),
)
VALUES: Any = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(SCALARS, max_size=3),
        st.dictionaries(KEYS, inner, max_size=3),
        st.lists(st.dictionaries(KEYS, inner, max_size=2), min_size=1, max_size=3),
    ),
    max_leaves=6,
)


@st.composite
def _documents(draw: st.DrawFn) -> str:
    """TOML that writes the same data in every way there is, with a comment of its own at every place."""
    lines: list[str] = []
    _write(draw, lines, (), draw(st.dictionaries(KEYS, VALUES, max_size=4)))
    number = count()
    text = "".join(f"{line}\n" for line in lines)
    text = re.sub("(above|of|open|heads|header|in) @", lambda match: f"{match[1]} {next(number)}", text)
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    if draw(st.booleans()):
        text = text.rstrip("\r\n")
    return text


def _write(draw: st.DrawFn, lines: list[str], path: tuple[str, ...], table: dict[str, Any]) -> None:
    later = []
    for key, value in table.items():
        if is_block(value) and draw(st.booleans()):
            later.append((key, value))
            continue
        if draw(st.booleans()):
            lines.append("# above @")
        if isinstance(value, dict) and value and draw(st.booleans()):
            pairs = [f"{key_of((key, inner))} = {rendered(one)}" for inner, one in value.items()]
            lines += [f"{pair} # of @" for pair in pairs]
        elif isinstance(value, list) and value and draw(st.booleans()):
            lines.append(f"{key_of((key,))} = [ # open @")
            lines += [f"    {rendered(one)}, # in @" for one in value]
            lines.append("]")
        else:
            lines.append(f"{key_of((key,))} = {rendered(value)} # of @")
    for key, value in later:
        for one in value if isinstance(value, list) else [value]:
            brackets = ("[[", "]]") if isinstance(value, list) else ("[", "]")
            lines += draw(st.sampled_from([[], [""], ["", "# heads @"]]))
            lines.append(f"{brackets[0]}{key_of((*path, key))}{brackets[1]} # header @")
            _write(draw, lines, (*path, key), one)


def _paths(data: Any, path: Path = ()) -> list[Path]:
    found = [path] if path else []
    steps = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, inner in steps:
        found += _paths(inner, (*path, step))
    return found


QUIET = settings(deadline=None, max_examples=40)


@QUIET
@given(_documents(), st.data())
def test_a_change_makes_exactly_what_was_meant(text: str, draw: st.DataObject) -> None:
    """Whatever the file looks like: it loads to the intended data; all other comments are kept in order."""
    data = _load(text)
    paths = _paths(data)
    path = draw.draw(st.sampled_from([(), *paths]))
    path = (*path, draw.draw(KEYS)) if not path or draw.draw(st.booleans()) else path
    change = Change(path, draw.draw(st.one_of(st.just(ABSENT), VALUES)))
    try:
        meant = intended(data, change)
        result = apply_changes(text, [change])
    except (ValueError, TypeError, UsageWrong):
        alone = isinstance(path[-1], int) and not isinstance(change.value, dict)
        assert alone or at(data, path[:-1]) is MISSING or not isinstance(at(data, path[:-1]), dict)
        return
    assert same_but_husks(_load(result), meant, path)
    untouched = at(data, path) is MISSING
    old, new = _comments(text), _comments(result)
    assert [one for one in old if one in new] == new
    if untouched:
        assert new == old
        kept = iter(result.splitlines())
        assert all(
            any(line == other for other in kept)
            for line in text.splitlines()
            if line and "{" not in line and "[" not in line
        )


def _comments(text: str) -> list[str]:
    return [line.rsplit("# ", 1)[1] for line in text.splitlines() if "# " in line]


@QUIET
@given(_documents())
def test_setting_what_is_there_changes_no_byte(text: str) -> None:
    """Every value set to itself leaves the text as it is."""
    data = _load(text)
    paths = _paths(data)
    assume(paths)
    assert apply_changes(text, [Change(path, at(data, path)) for path in paths]) == text


@QUIET
@given(_documents(), VALUES)
def test_a_new_key_can_be_taken_out_again(text: str, value: Any) -> None:
    """And then the text loads to what it loaded to before."""
    result = apply_changes(text, [Change(("new",), value)])
    assert same(_load(apply_changes(result, [Change(("new",), ABSENT)])), _load(text))
