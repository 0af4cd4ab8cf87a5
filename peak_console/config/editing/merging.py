"""Three-way merge over lines: what two sides made of one text, and where they contradict each other.

Each side is reduced to its edits against the base (Khanna, Kunal, Pierce: "A Formal Investigation of Diff3",
2007). Edits that touch or overlap form a cluster; a cluster that one side alone changed, or both alike, is
taken, any other is a conflict. Nothing is ever dropped: a line of either side is in the result or in a
conflict.
"""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Side(StrEnum):
    """Whose lines a conflict is settled with."""

    MINE = "mine"
    THEIRS = "theirs"
    BOTH = "both"
    """Mine, then theirs."""
    BASE = "base"


Lines = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A place that both sides changed, and not alike. Lines keep their ends."""

    line: int
    """The line of the merged text, from 1, where the conflict begins."""
    base_line: int
    """The line of the base, from 1."""
    base: Lines
    mine: Lines
    theirs: Lines

    def lines(self, side: Side) -> Lines:
        """The lines that a side puts here."""
        both = (*self.mine[:-1], *_ended(self.mine[-1:], self.theirs), *self.theirs)
        return {Side.MINE: self.mine, Side.THEIRS: self.theirs, Side.BASE: self.base, Side.BOTH: both}[side]


_MARKS: Final = ("<<<<<<< mine", "||||||| base", "=======", ">>>>>>> theirs")


@dataclass(frozen=True, slots=True)
class Merged:
    """A merge: runs of settled lines and conflicts, in order."""

    parts: tuple[Lines | Conflict, ...]

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """What a person must settle; empty when the merge is done."""
        return tuple(part for part in self.parts if isinstance(part, Conflict))

    @property
    def text(self) -> str:
        """The merged text; a conflict stands in it between marks, with all three versions."""
        return "".join(_marked(part) if isinstance(part, Conflict) else "".join(part) for part in self.parts)

    def settled(self, sides: Sequence[Side]) -> str:
        """The text with each conflict settled, one side for each in order.

        Raises ``ValueError`` where there are more or fewer sides than conflicts.
        """
        if len(sides) != len(self.conflicts):
            raise ValueError(f"{len(self.conflicts)} conflicts and {len(sides)} sides")
        remaining = iter(sides)
        lines: list[str] = []
        for part in self.parts:
            taken = part.lines(next(remaining)) if isinstance(part, Conflict) else part
            lines[-1:] = _ended(lines[-1:], taken)
            lines += taken
        return "".join(lines)


def merge(base: str, mine: str, theirs: str) -> Merged:
    """Mine and theirs, both made from base, as one text."""
    old = lines_of(base)
    ours, others = lines_of(mine), lines_of(theirs)
    parts: list[Lines | Conflict] = []
    at, line = 0, 1
    for start, end, left, right in _clusters(_edits(old, ours), _edits(old, others)):
        kept = old[at:start]
        line += len(kept)
        my_lines, their_lines = _applied(old, start, end, left), _applied(old, start, end, right)
        parts.append(tuple(kept))
        if not right or my_lines == their_lines:
            parts.append(my_lines)
            line += len(my_lines)
        elif not left:
            parts.append(their_lines)
            line += len(their_lines)
        else:
            conflict = Conflict(line, start + 1, tuple(old[start:end]), my_lines, their_lines)
            parts.append(conflict)
            line += _marked(conflict).count("\n")
        at = end
    parts.append(tuple(old[at:]))
    return Merged(tuple(part for part in parts if part))


def lines_of(text: str) -> list[str]:
    """The lines of a text with their ends; only a newline ends one."""
    lines = [line + "\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    lines: Lines


def _edits(old: list[str], new: list[str]) -> list[_Edit]:
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return [
        _Edit(start, end, tuple(new[first:last]))
        for tag, start, end, first, last in matcher.get_opcodes()
        if tag != "equal"
    ]


def _clusters(mine: list[_Edit], theirs: list[_Edit]) -> Iterator[tuple[int, int, list[_Edit], list[_Edit]]]:
    """Edits of both sides that touch or overlap, together with the lines of the base they span."""
    waiting = sorted(
        [(edit.start, edit.end, 0, edit) for edit in mine]
        + [(edit.start, edit.end, 1, edit) for edit in theirs],
        key=lambda one: one[:3],
    )
    index = 0
    while index < len(waiting):
        start, end = waiting[index][:2]
        sides: tuple[list[_Edit], list[_Edit]] = ([], [])
        while index < len(waiting) and waiting[index][0] <= end:
            _, last, side, edit = waiting[index]
            sides[side].append(edit)
            end = max(end, last)
            index += 1
        yield start, end, *sides


def _applied(old: list[str], start: int, end: int, edits: list[_Edit]) -> Lines:
    """What the lines ``start`` to ``end`` of the base become under the edits within them."""
    lines: list[str] = []
    for edit in edits:
        lines += [*old[start : edit.start], *edit.lines]
        start = edit.end
    return (*lines, *old[start:end])


def _ended(last: Sequence[str], following: Sequence[str]) -> list[str]:
    """The last line, with an end where something follows it."""
    return [line if line.endswith("\n") or not following else line + "\n" for line in last]


def _marked(conflict: Conflict) -> str:
    text = ""
    for mark, lines in zip(_MARKS, (conflict.mine, conflict.base, conflict.theirs, ()), strict=True):
        text += mark + "\n" + "".join((*lines[:-1], *_ended(lines[-1:], mark)))
    return text
