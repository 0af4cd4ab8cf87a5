"""What the program tells a person to run exists."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

import peak_console
from peak_console.cli.program import COMMANDS, load

PACKAGE = Path(peak_console.__file__).parent
_COMMAND = re.compile(r"\bpeak ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?")


def _named(text: str) -> Iterator[tuple[str, str]]:
    for found in _COMMAND.finditer(text):
        yield found[1], found[2] or ""


def _texts() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if "peak" not in source.replace("peak_console", ""):
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "peak" in node.value:
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node.value


@cache
def commands_in(word: str) -> frozenset[str] | None:
    """The commands of a group; ``None`` where the word is a command by itself."""
    command = load(word)
    return frozenset(command.commands) if isinstance(command, click.Group) else None


def missing(text: str) -> list[str]:
    """The commands that ``text`` names and the program does not have."""
    wrong = []
    for word, inner in _named(text):
        if word not in COMMANDS:
            wrong.append(f"peak {word}")
            continue
        known = commands_in(word)
        if inner and known is not None and inner not in known:
            wrong.append(f"peak {word} {inner}")
    return wrong


def test_every_command_that_a_text_names_exists() -> None:
    """Remedies, messages, help and notes in the source: whoever types what they say gets a command."""
    texts = list(_texts())
    assert sum(bool(list(_named(text))) for _, text in texts) > 50, "the texts were not found"
    assert {place: wrong for place, text in texts if (wrong := missing(text))} == {}


@pytest.mark.parametrize("text", ["run: peak heal", "or: peak explain CALL", "see: peak ledger mend"])
def test_a_command_that_is_none_is_found(text: str) -> None:
    """The test above can fail."""
    assert missing(text)
