"""The position scanner against tomllib: it knows a place for every key, and the key stands there."""

import re
import tomllib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.config.positions import Path, toml_places

TOKEN = re.compile(r"[A-Za-z0-9_-]+|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'")
KEYS = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=6),
)
SCALARS = st.one_of(
    st.integers(-(10**9), 10**9).map(str),
    st.booleans().map(lambda value: str(value).lower()),
    st.sampled_from(
        [
            "1e6",
            "-0.5",
            "inf",
            "0xFF",
            "1979-05-27",
            "1979-05-27 07:32:00Z",
            "07:32:00",
            '"plain # no comment"',
            '"with \\" quote, ] } = and \\\\"',
            "'literal \\ ] }'",
            '""',
            "''",
            '"""\nlong # no comment\n[no.header]\nkey = "x" """',
            '"""ends in quotes"""""',
            '"""\\"""\\""""',
            "'''long\n''quotes'' ]'''",
            "'''ends'''''",
            '""""""',
            '"""a \\\n   b"""',
        ]
    ),
)
GAPS = st.sampled_from(["", " ", "\t", "  "])
BREAKS = st.sampled_from(["", " ", "\n", "\n  ", " # a comment ] } [x]\n"])


def quoted(key: str) -> str:
    """A key as TOML writes it."""
    if re.fullmatch(r"[A-Za-z0-9_-]+", key):
        return key
    if "'" not in key and "\n" not in key:
        return f"'{key}'"
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


@st.composite
def values(draw: st.DrawFn, depth: int = 2) -> str:
    """The text of a value."""
    kind = draw(st.integers(0, 5)) if depth else 0
    if kind == 4:
        inner = draw(st.lists(values(depth - 1), max_size=3))
        parts = [f"{draw(BREAKS)}{one}{draw(BREAKS)}" for one in inner]
        return "[" + ",".join(parts) + draw(BREAKS) + "]"
    if kind == 5:
        keys = draw(st.lists(KEYS, max_size=3, unique=True))
        pairs = [
            f"{draw(GAPS)}{quoted(key)}{draw(GAPS)}={draw(GAPS)}{draw(values(depth - 1))}" for key in keys
        ]
        return "{" + f"{draw(GAPS)},".join(pairs) + draw(GAPS) + "}"
    return draw(SCALARS)


@st.composite
def bodies(draw: st.DrawFn, prefix: tuple[str, ...], depth: int) -> str:
    """The pairs of a table and the tables below it, each by its header or dotted."""
    keys = draw(st.lists(KEYS, max_size=4, unique=True))
    own, below = "", ""
    for key in keys:
        style = draw(st.integers(0, 4)) if depth else 0
        name = quoted(key)
        if style <= 1:
            own += f"{draw(GAPS)}{name}{draw(GAPS)}={draw(GAPS)}{draw(values())}{draw(GAPS)}\n"
        elif style == 2:
            for inner in draw(st.lists(KEYS, min_size=1, max_size=2, unique=True)):
                dotted = f"{name}{draw(GAPS)}.{draw(GAPS)}{quoted(inner)}"
                own += f"{dotted} = {draw(values())}{draw(st.sampled_from(['', ' # x']))}\n"
        else:
            dot = f"{draw(GAPS)}.{draw(GAPS)}"
            header = dot.join(quoted(part) for part in (*prefix, key))
            opening, closing = ("[", "]") if style == 3 else ("[[", "]]")
            for _ in range(1 if style == 3 else draw(st.integers(1, 3))):
                below += f"{draw(BREAKS)}\n{opening}{header}{draw(GAPS)}{closing} # header\n"
                below += draw(bodies((*prefix, key), depth - 1))
    return own + below


def paths(data: Any, path: Path = ()) -> set[Path]:
    """The paths of all keys and elements."""
    if isinstance(data, dict):
        items: list[tuple[Any, Any]] = list(data.items())
    elif isinstance(data, list):
        items = list(enumerate(data))
    else:
        return set()
    found: set[Path] = set()
    for key, inner in items:
        found |= {(*path, key)} | paths(inner, (*path, key))
    return found


@settings(max_examples=60, deadline=None)
@given(bodies((), 2), st.sampled_from(["\n", "\r\n"]))
def test_every_key_has_its_place(text: str, newline: str) -> None:
    """The scanner finds exactly tomllib's paths, and each key's own token stands at its place."""
    text = text.replace("\n", newline)
    data = tomllib.loads(text, parse_float=Decimal)
    places = toml_places(text)
    assert set(places) == paths(data)
    lines = text.replace("\r\n", "\n").split("\n")
    for path, (line, column) in places.items():
        rest = lines[line - 1][column - 1 :]
        if isinstance(path[-1], int):
            assert rest, path
            assert rest[0] not in " \t,]}#", path
        else:
            token = TOKEN.match(rest)
            assert token is not None
            assert tomllib.loads(f"{token.group()} = 0") == {path[-1]: 0}


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("[]{}\"'=.,#\\\n\r\t aé1"), max_size=40))
def test_the_scanner_ends_on_any_text(text: str) -> None:
    """On text that is not TOML it gives some places and never raises."""
    for line, column in toml_places(text).values():
        assert line >= 1
        assert column >= 1


@pytest.mark.parametrize(
    ("text", "path", "place"),
    [
        ("a = 1\nb = 2", ("b",), (2, 1)),
        ("  a.b = 1", ("a", "b"), (1, 5)),
        ("[a]\n[a.b]\nc = 1", ("a", "b"), (2, 4)),
        ("[a.b]\n", ("a",), (1, 2)),
        ("[[a]]\nx = 1\n[[a]]\nx = 2", ("a", 1, "x"), (4, 1)),
        ("[[a]]\n[[a.b]]\nx = 1", ("a", 0, "b", 0, "x"), (3, 1)),
        ("a = {b = 1, c = 2}", ("a", "c"), (1, 13)),
        ("a = [1,\n  2]", ("a", 1), (2, 3)),
        ("a = [{b = 1}, {b = 2}]", ("a", 1, "b"), (1, 16)),
        ('x = """\n[no]\n"""\ny = 1', ("y",), (4, 1)),
        ('"a b" . "c\\u0064" = 1', ("a b", "cd"), (1, 9)),
    ],
)
def test_places_by_example(text: str, path: Path, place: tuple[int, int]) -> None:
    """Lines and columns count from one; columns count characters."""
    assert toml_places(text)[path] == place
