"""What stands in the package's own code: each module is parsed once for all tests that read all of them."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import peak_console

PACKAGE = Path(peak_console.__file__).parent


@dataclass(frozen=True, slots=True)
class Code:
    """What a module imports, says and names, functions and all."""

    imports: tuple[str, ...]
    """Modules, and names of modules, as written; relative ones left out."""
    texts: tuple[str, ...]
    """String constants that are no docstrings."""
    documents: tuple[str, ...]
    """Docstrings, as they are written."""
    members: frozenset[tuple[str, str]]
    """A name and what is taken of it: ``CallReason.OK`` is ``("CallReason", "OK")``."""


@cache
def modules() -> tuple[Path, ...]:
    """Every module of the package."""
    found = tuple(sorted(PACKAGE.rglob("*.py")))
    assert len(found) > 50
    return found


@cache
def code(path: Path) -> Code:
    """What stands in a module; its tree is not kept."""
    return read(path.read_text(encoding="utf-8"))


def read(source: str) -> Code:
    """What stands in a text of Python."""
    nodes = list(ast.walk(ast.parse(source)))
    documents = {
        id(node.body[0].value)
        for node in nodes
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    imports: list[str] = []
    texts: list[str] = []
    docstrings: list[str] = []
    members = set()
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            (docstrings if id(node) in documents else texts).append(node.value)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            members.add((node.value.id, node.attr))
        elif isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imports += [f"{node.module}.{alias.name}" for alias in node.names]
    return Code(tuple(imports), tuple(texts), tuple(docstrings), frozenset(members))
