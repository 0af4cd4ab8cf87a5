import ast
from pathlib import Path

from peak_console.domain.calls import CallReason
from peak_console.llm import reference
from peak_console.llm.reasons import MEANINGS, Stage

ROOT = Path(__file__).parents[2]
_DEFINED = {"peak_console/domain/calls.py", "peak_console/llm/reasons.py"}


def test_every_reason_has_its_meaning() -> None:
    """What happened, what follows and what to do, for every code, in words of one line."""
    assert set(MEANINGS) == set(CallReason)
    for one in MEANINGS.values():
        for text in (one.happened, one.then, one.remedy):
            assert text.strip() == text
            assert text.isprintable()
            assert "|" not in text


def test_the_page_is_current() -> None:
    """Run ``python -m peak_console.llm.reference`` again when this fails."""
    assert (ROOT / reference.PAGE).read_text(encoding="utf-8") == reference.render()


def test_every_stage_is_a_chapter() -> None:
    """A reader finds a code under how far the call had come."""
    page = reference.render()
    assert page.count("\n## ") == len(Stage)
    assert all(f"| `{reason.value}` |" in page for reason in CallReason)


def _used() -> set[CallReason]:
    """The reasons that the package names somewhere, as a member or by their code."""
    used = set()
    for path in (ROOT / "peak_console").rglob("*.py"):
        if path.relative_to(ROOT).as_posix() in _DEFINED:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in set(CallReason):
                used.add(CallReason(node.value))
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "CallReason":
                used.add(CallReason[node.attr])
    return used


def test_every_reason_is_given_somewhere() -> None:
    """A code that nothing raises is a promise that nobody keeps."""
    assert set(CallReason) - _used() == set()
