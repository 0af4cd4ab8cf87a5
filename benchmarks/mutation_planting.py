"""The mutants of a module: Cosmic Ray's operators, and one of our own that drops a statement.

Left out are mutants that say nothing of the tests: those in annotations, those that do not compile, and of
one operator's replacements all but the two or three that the others follow.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.operators.provider import OperatorProvider
from parso import parse
from parso.tree import NodeOrLeaf

_ASK_FOR_NAMES: Final = ("VariableReplacer", "VariableInserter")
_COMPARED: Final = {
    "Lt": ("LtE", "Gt", "NotEq"),
    "LtE": ("Lt", "Gt", "Eq"),
    "Gt": ("GtE", "Lt", "NotEq"),
    "GtE": ("Gt", "Lt", "Eq"),
    "Eq": ("NotEq", "LtE", "GtE"),
    "NotEq": ("Eq", "Lt", "Gt"),
    "Is": ("IsNot",),
    "IsNot": ("Is",),
}
_COUNTED: Final = {
    "Add": ("Sub", "Mul"),
    "Sub": ("Add", "Mul"),
    "Mul": ("FloorDiv", "Add"),
    "Div": ("Mul", "Sub"),
    "FloorDiv": ("Mul", "Mod"),
    "Mod": ("FloorDiv", "Add"),
    "Pow": ("Mul",),
    "BitOr": ("BitAnd", "BitXor"),
    "BitAnd": ("BitOr", "BitXor"),
    "BitXor": ("BitOr", "BitAnd"),
    "LShift": ("RShift", "Add"),
    "RShift": ("LShift", "Sub"),
}
"""What an operator becomes. All the others die wherever one of these does, and would flatter the score."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of a module's source: the whole source, and the lines that differ before and after."""

    operator: str
    line: int
    before: str
    after: str
    source: str


class DropStatement(Operator):  # type: ignore[misc, unused-ignore] # cosmic-ray is an extra
    """An assignment, a call or a raise becomes ``pass``."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        """Where a statement can go: everything but docstrings, imports, returns and ``pass``."""
        if node.type != "simple_stmt":
            return
        first = node.children[0]
        if first.type in {"expr_stmt", "raise_stmt", "atom_expr", "assert_stmt"}:
            yield first.start_pos, first.end_pos

    def mutate(self, node: Any, index: int) -> Any:  # noqa: ARG002 - cosmic-ray's protocol
        """The statement is gone."""
        node.children[0] = parse(f"{node.children[0].get_first_leaf().prefix}pass")
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        """None: cosmic-ray tests its own operators with these."""
        return ()


def mutants_of(source: str) -> list[Mutant]:
    """Every mutant of a module's source, in the order of its lines."""
    silent = _silent(ast.parse(source))
    provider = OperatorProvider()
    operators = {name: provider[name]() for name in provider if _is_used(name)}
    operators["DropStatement"] = DropStatement()
    found: dict[str, Mutant] = {}
    nodes = list(ast_nodes(get_ast(source)))
    for name, operator in operators.items():
        for occurrence, line in zip(count(), _lines(operator, nodes, silent), strict=False):
            mutated = None if line is None else mutate_code(source, operator, occurrence)
            if line is not None and mutated is not None and mutated != source and _compiles(mutated):
                found.setdefault(mutated, Mutant(name, line, *_changed(source, mutated), mutated))
    return sorted(found.values(), key=lambda one: (one.line, one.operator, one.after))


def _is_used(name: str) -> bool:
    """Whether an operator of cosmic-ray is used."""
    kind, _, change = name.partition("_")
    before, _, after = change.partition("_")
    if kind == "ReplaceComparisonOperator":
        return after in _COMPARED[before]
    if kind == "ReplaceBinaryOperator":
        return after in _COUNTED[before]
    return name not in _ASK_FOR_NAMES


def _lines(operator: Any, nodes: list[NodeOrLeaf], silent: "list[_Span]") -> Iterator[int | None]:
    """The line of each occurrence; None for one that lies in a silent place."""
    for node in nodes:
        for start, _ in operator.mutation_positions(node):
            yield None if any(first <= start < last for first, last in silent) else start[0]


_Span = tuple[tuple[int, int], tuple[int, int]]


def _silent(tree: ast.Module) -> list[_Span]:
    """Where annotations stand."""
    places: list[ast.expr | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.arg):
            places.append(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            places.append(node.returns)
    return [
        ((one.lineno, one.col_offset), (one.end_lineno or one.lineno, one.end_col_offset or 0))
        for one in places
        if one is not None
    ]


def _compiles(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _changed(before: str, after: str) -> tuple[str, str]:
    """The lines that differ, on either side, joined by spaces."""
    old, new = before.splitlines(), after.splitlines()
    first = next(number for number, (one, other) in enumerate(zip(old, new, strict=False)) if one != other)
    last = 0
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    return _joined(old[first : len(old) - last]), _joined(new[first : len(new) - last])


def _joined(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines)
