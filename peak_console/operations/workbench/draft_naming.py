"""Which draft a word of the command line means; one that another console has open is not taken from it."""

from peak_console.config.editing.targets import Target
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import ControlRefused, UsageWrong
from peak_console.domain.text import one_line
from peak_console.operations.workbench.draft_editors import lives
from peak_console.operations.workbench.draft_words import said_of
from peak_console.operations.workbench.drafts import drafts_of
from peak_console.operations.workbench.files import read_standing
from peak_console.operations.workbench.shapes import Draft


def waiting(ws: Workspace, target: Target) -> tuple[Draft, ...]:
    """The drafts of a config that say something else than its file, the newest first."""
    text = read_standing(ws, target).text
    return tuple(one for one in drafts_of(ws).of(target.name) if one.text != text)


def draft_named(ws: Workspace, target: Target, word: str = "") -> Draft:
    """The draft whose id begins with ``word``; without one the only draft there is.

    Raises ``UsageWrong`` (``no_draft``, ``draft_ambiguous``).
    """
    found = waiting(ws, target) or drafts_of(ws).of(target.name)
    chosen = [one for one in found if one.id == word] or [one for one in found if one.id.startswith(word)]
    if not chosen:
        named = f" named {one_line(word, 40)}" if word else ""
        raise UsageWrong(
            f"there is no draft of {target.name}{named}",
            code="no_draft",
            remedy="drafts: peak config list; begin one: peak config edit CONFIG",
        )
    if len(chosen) > 1:
        raise UsageWrong(
            f"there are {len(chosen)} drafts of {target.name}: " + "; ".join(map(_told, chosen)),
            code="draft_ambiguous",
            remedy=f"name one of them, as --draft {chosen[0].id}; look at it: peak config diff"
            f" {target.name} draft:{chosen[0].id}",
        )
    return chosen[0]


def refuse_open(draft: Draft) -> None:
    """Refuse to save or drop a draft under an editor; raises ``ControlRefused`` (``draft_open``)."""
    if draft.editor is not None and lives(draft.editor):
        raise ControlRefused(
            f"the draft {draft.id} of {draft.target} is {said_of(draft, living=True)}",
            code="draft_open",
            remedy="save or discard it there, or leave that console, which keeps it; or say --force",
            config=draft.target,
        )


def _told(draft: Draft) -> str:
    living = draft.editor is not None and lives(draft.editor)
    return f"{draft.id}, {said_of(draft, living=living)}, kept {draft.at:%m-%d %H:%M}Z"
