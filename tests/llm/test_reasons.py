from pathlib import Path

from support.own_code import code, modules

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
    used: set[CallReason] = set()
    codes = {reason.value for reason in CallReason}
    for path in modules():
        if path.relative_to(ROOT).as_posix() in _DEFINED:
            continue
        module = code(path)
        used |= {CallReason(text) for text in module.texts + module.documents if text in codes}
        used |= {CallReason[member] for name, member in module.members if name == "CallReason"}
    return used


def test_every_reason_is_given_somewhere() -> None:
    """A code that nothing raises is a promise that nobody keeps."""
    assert set(CallReason) - _used() == set()
