"""Reading one file: whatever it holds, there is data or one trouble with its place."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.config.document import MAX_BYTES, MAX_VALUES, Document, parse_document, read_document


def trouble(raw: bytes, name: str = "x.toml") -> tuple[str, tuple[int, int]]:
    """The rule and place of what is wrong with these bytes."""
    document = parse_document(raw, name)
    assert document.data is None
    assert document.trouble is not None
    return document.trouble.rule, document.trouble.place


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"a = \n", (1, 5)),
        (b"a = 1\nb = = 2\n", (2, 5)),
        (b"a = 1\na = 2\n", (2, 6)),
        (b'a = "x', (1, 7)),
        (b"\xef\xbb\xbfa = 1\n", (1, 1)),
        (b"a = " + b"9" * 5000, (1, 1)),
        (b"a = " + b"[" * 5000, (1, 1)),
        (b"a = 1e99999999999999999999", (1, 1)),
        (b"x = 1\n" + b"a." * 5000 + b"a = 1", (2, 1)),
        (b"[" + b"'a' . " * 5000 + b"a]\n", (1, 2)),
        (b"x = {" + b"a." * 5000 + b"a = 1}", (1, 6)),
        (b"[a]\n" + b"".join(b"[" + b"a.b." * count + b"c]\n" for count in range(1, 40)), (18, 2)),
        (b"a.b.c.d.e.f.g.h.i.j = " + b"[" * 30 + b"]" * 30, (1, 1)),
    ],
)
def test_broken_toml_has_its_place(raw: bytes, place: tuple[int, int]) -> None:
    """Syntax errors, repeated keys, a byte order mark, numbers and nesting beyond reason."""
    assert trouble(raw) == ("file.syntax", place)


@pytest.mark.parametrize("raw", [b"#" * (MAX_BYTES + 1), b"a = [" + b"1," * MAX_VALUES + b"]"])
def test_a_file_beyond_reason_is_not_read(raw: bytes) -> None:
    """Neither many bytes nor many values can hold up whoever loads configs."""
    assert trouble(raw)[0] == "file.too_large"


def test_not_utf8_names_line_and_column() -> None:
    """The first byte that is not UTF-8, its column counted in characters."""
    assert trouble("a = 1\nß = ".encode() + b"\xff") == ("file.not_utf8", (2, 5))


def test_floats_are_exact() -> None:
    """Money is never read through a binary float, from TOML or YAML."""
    assert parse_document(b"a = 0.1", "x.toml").data == {"a": Decimal("0.1")}
    assert parse_document(b"a: 0.1", "x.yaml").data == {"a": Decimal("0.1")}


def test_yaml_gives_what_toml_gives() -> None:
    """The same config in both formats has the same data and the same paths."""
    toml = parse_document(b'a = 1\n[b]\nc = "x"\nd = [1.5, true]\ne = 2026-11-22\n', "x.toml")
    yaml = parse_document(b"a: 1\nb:\n  c: x\n  d: [1.5, true]\n  e: 2026-11-22\n", "x.yaml")
    assert (
        toml.data
        == yaml.data
        == {"a": 1, "b": {"c": "x", "d": [Decimal("1.5"), True], "e": date(2026, 11, 22)}}
    )
    assert set(toml.places) == set(yaml.places)
    assert yaml.place(("b", "d", 1)) == (4, 12)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 1\nb: *x\n", (2, 4)),
        ("a: &x [1]\nb: *x\n", (2, 4)),
        ("a: 1\na: 2\n", (2, 1)),
        ("a: !!python/object/apply:os.system [ls]\n", (1, 4)),
        ("a: !secret x\n", (1, 4)),
        ("a: {<<: {b: 1}}\n", (1, 5)),
        ("- a\n", (1, 1)),
        ("a: [1\n", (2, 1)),
        ("a: 1\n---\nb: 2\n", (2, 1)),
        ("? [a]\n: 1\n", (1, 3)),
        ("a: .nan\n", (1, 4)),
        ("\ta: 1\n", (1, 1)),
    ],
)
def test_yaml_beyond_the_plain_part_is_refused(text: str, place: tuple[int, int]) -> None:
    """No aliases, tags, merges, repeated keys, several documents; a mapping at the top."""
    assert trouble(text.encode(), "x.yaml") == ("file.syntax", place)


def test_deep_yaml_is_refused() -> None:
    """Nesting cannot exhaust the stack."""
    assert trouble(b"a: " + b"[" * 3000 + b"]" * 3000, "x.yaml")[0] == "file.syntax"


def test_a_missing_key_lies_at_the_table_around_it() -> None:
    """The nearest place that stands in the file."""
    document = parse_document(b"\n[a.b]\nc = 1\n", "x.toml")
    assert document.place(("a", "b", "gone", "too")) == (2, 4)
    assert document.place(("gone",)) == (1, 1)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Missing, a folder, a NUL in the name: a trouble each, no exception."""
    assert _rule(read_document(tmp_path / "x.toml", "x.toml")) == "file.missing"
    assert _rule(read_document(tmp_path, "x.toml")) == "file.unreadable"
    assert _rule(read_document(Path("a\0b"), "x.toml")) == "file.unreadable"


def _rule(document: Document) -> str:
    assert document.trouble is not None
    return document.trouble.rule


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["x.toml", "x.yaml", "x.md"]))
def test_any_bytes_give_data_or_trouble(raw: bytes, name: str) -> None:
    """Never both, never neither, never an exception."""
    document = parse_document(raw, name)
    assert (document.data is None) == (document.trouble is not None)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("ab:-?[]{}&*!|>'\"%@#, \n\t10.~"), max_size=60))
def test_any_yaml_text_gives_data_or_trouble(text: str) -> None:
    """As above, near enough to YAML that most paths of the parser are walked."""
    document = parse_document(text.encode(), "x.yaml")
    assert (document.data is None) == (document.trouble is not None)
