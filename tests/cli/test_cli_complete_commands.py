"""Every command that a remedy, a card or a next step names can be typed as it stands: nothing is missing."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import peak_console
from peak_console.cli.program import load
from peak_console.incidents.guidance import GUIDANCE

PACKAGE = Path(peak_console.__file__).parent
ROOMS = ("control", "incidents", "operations")
NEEDED = {
    "arm request": ("--purpose", "--reason"),
    "arm approve": ("--reason",),
    "checklist sign": ("--note",),
    "enable": ("--reason", "--confirm"),
    "incident close": ("--note",),
    "ledger recover": ("--reason",),
    "lock rollback": ("--reason",),
    "matrix approve": ("--reason",),
    "matrix rollback": ("--reason",),
    "matrix set": ("--reason",),
    "operator remove": ("--reason",),
    "phase promote": ("--reason",),
}
"""What a command refuses to do without, though its parser would let it pass."""

_BEGINS = re.compile(r"\bpeak (?=[a-z])")
_ENDS = re.compile(r"""(?:"[^"]*"|[^;,()`\n"→]|(?<=\w),(?=\w))*""")


def _strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Texts of a module that are no docstrings; what an f-string puts in reads ``X``."""
    inner = {id(part) for one in ast.walk(tree) if isinstance(one, ast.JoinedStr) for part in one.values}
    notes = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
    for one in ast.walk(tree):
        if isinstance(one, ast.JoinedStr):
            parts = (str(part.value) if isinstance(part, ast.Constant) else "X" for part in one.values)
            yield one.lineno, "".join(parts)
        elif isinstance(one, ast.Constant) and isinstance(one.value, str) and id(one) not in inner | notes:
            yield one.lineno, one.value


def _texts() -> Iterator[tuple[str, str]]:
    for room in ROOMS:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            source = path.read_text(encoding="utf-8")
            if "reference" not in path.name and "peak " in source:
                for line, text in _strings(ast.parse(source)):
                    yield f"{path.relative_to(PACKAGE)}:{line}", text
    for card in sorted((PACKAGE / "incidents" / "cards").glob("*.md")):
        for command in re.findall(r"`(peak [^`]+)`", card.read_text(encoding="utf-8")):
            yield card.name, command
    for trigger, words in GUIDANCE.items():
        yield f"guidance {trigger}", words.cli


def commands_in(text: str) -> Iterator[list[str]]:
    """The words of each command in ``text``, with what follows it up to the next sign."""
    for begin in _BEGINS.finditer(text):
        told = _ENDS.match(text, begin.end())
        try:
            words = shlex.split(told[0]) if told else []
        except ValueError:
            words = told[0].split() if told else []
        yield [one.rstrip(":.") or one for one in words]


def problem(words: list[str]) -> str:
    """Why a command cannot be typed like this, prose behind it left out; empty where it can."""
    command, path, rest = load(words[0]), [words[0]], words[1:]
    while isinstance(command, click.Group) and rest and rest[0] in command.commands:
        command, path, rest = command.commands[rest[0]], [*path, rest[0]], rest[1:]
    name, why = " ".join(path), ""
    if isinstance(command, click.Group) and not command.invoke_without_command:
        return f"{name}: which of its commands?"
    if "--help" in rest:
        return ""
    least = max((place + 1 for place, one in enumerate(rest) if one.startswith("--")), default=0)
    for upto in range(len(rest), least - 1, -1):
        try:
            command.make_context(name, list(rest[:upto]))
        except click.ClickException as error:
            if "X" not in rest or isinstance(error, click.MissingParameter):
                why = error.format_message()
                continue
        absent = [one for one in NEEDED.get(name, ()) if one not in rest[:upto]]
        return f"{name}: without {', '.join(absent)}" if absent else ""
    return f"{name}: {why}"


def problems(text: str) -> list[str]:
    """What is wrong with the commands of a text."""
    return [why for words in commands_in(text) if words and (why := problem(words))]


def test_every_command_that_is_advised_can_be_typed_as_it_stands() -> None:
    """Remedies, next steps and cards: no argument is missing, no option is made up."""
    texts = list(_texts())
    assert sum(1 for _, text in texts for _ in commands_in(text)) > 150, "the texts were not found"
    assert {place: wrong for place, text in texts if (wrong := problems(text))} == {}


@pytest.mark.parametrize(
    "text",
    [
        "run: peak matrix rollback --rehearse",
        "run: peak arm request --drill",
        "ask again: peak arm request",
        "peak incident close ID",
        "see: peak status --every",
        "peak operator",
    ],
)
def test_a_command_that_cannot_be_typed_is_found(text: str) -> None:
    """The test above can fail."""
    assert problems(text)


@pytest.mark.parametrize(
    "text",
    [
        "wait until peak arm status shows it free; stopping is never locked",
        'find out why; to go on later: peak enable --reason "..." --confirm ENABLE',
        "restart it: peak node stop, peak node start",
    ],
)
def test_prose_around_a_command_is_none_of_it(text: str) -> None:
    """Nor is what stands before or behind it held against it."""
    assert problems(text) == []
