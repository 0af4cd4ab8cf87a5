"""``peak import registry``: models, prices and assignments of another form, as drafts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from peak_console.config.editing.applying import apply_changes
from peak_console.config.editing.targets import Target
from peak_console.config.sources import read_sources
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import UsageWrong
from peak_console.domain.text import one_line
from peak_console.operations.importing import litellm_form, promptfoo_form, registry_form
from peak_console.operations.importing.foreign import Foreign, read_foreign
from peak_console.operations.importing.proposal import Proposal
from peak_console.operations.importing.proposing import propose
from peak_console.operations.phase import rules_of
from peak_console.operations.workbench.files import Standing, read_standing
from peak_console.operations.workbench.handing import hand_over, target_standing
from peak_console.operations.workbench.shapes import Draft
from peak_console.operations.workbench.sides import standing

ORIGIN: Final = "import registry"
FORMS: Final = (registry_form.FORM, litellm_form.FORM, promptfoo_form.FORM)
KINDS: Final = ("models", "prices", "matrix")
"""The configs of which an import makes drafts."""

_UNDERSTOOD: Final[Mapping[str, Callable[[Mapping[str, Any]], Foreign]]] = {
    registry_form.FORM: registry_form.understood,
    litellm_form.FORM: litellm_form.understood,
    promptfoo_form.FORM: promptfoo_form.understood,
}
_RECOGNISED: Final = {
    registry_form.FORM: registry_form.recognised,
    litellm_form.FORM: litellm_form.recognised,
    promptfoo_form.FORM: promptfoo_form.recognised,
}


@dataclass(frozen=True, slots=True)
class Import:
    """What a file comes to, and the texts that the drafts would have."""

    file: str
    form: str
    proposal: Proposal
    texts: Mapping[Target, tuple[Standing, str]]
    """By config, only those that change: the file as it stands, and the draft."""

    def as_dict(self, drafts: tuple[Draft, ...]) -> dict[str, Any]:
        """The shape of ``peak import registry --json``."""
        found = self.proposal
        return {
            "file": self.file,
            "format": self.form,
            "mapped": [
                {"source": one.source, "config": one.config, "key": one.key, "value": one.value}
                for one in found.mapped
            ],
            "lost": [
                {"source": one.source, "value": one.value, "why": one.why, "refused": one.refused}
                for one in found.lost
            ],
            "conflicts": [
                {
                    "source": one.source,
                    "config": one.config,
                    "key": one.key,
                    "ours": one.ours,
                    "theirs": one.theirs,
                    "taken": one.taken,
                    "why": one.why,
                }
                for one in found.conflicts
            ],
            "drafts": [one.target for one in drafts],
        }


def read_import(ws: Workspace, path: Path, form: str, now: datetime) -> Import:
    """Read a file and hold it against the configs; ``form`` is one of :data:`FORMS` or ``auto``.

    Changes nothing. Raises ``UsageWrong``: ``import_unreadable``, ``import_form_unknown``, and
    ``edit_impossible`` where a config here is no TOML that can be changed.
    """
    data = read_foreign(path)
    form = _form_of(data, path) if form == "auto" else form
    foreign = _UNDERSTOOD[form](data)
    today = now.astimezone(UTC).date()
    side = standing(read_sources(ws.root), phase=rules_of(ws), today=today)
    proposal = propose(foreign, side, origin=one_line(path.name, 100), today=today)
    texts: dict[Target, tuple[Standing, str]] = {}
    for kind in KINDS:
        changes = proposal.changes.get(kind, [])
        if changes:
            target = target_standing(ws, kind)
            held = read_standing(ws, target)
            texts[target] = (held, apply_changes(held.text or "", changes, path=target.path))
    return Import(one_line(path.name, 100), form, proposal, texts)


def draft_import(ws: Workspace, found: Import, now: datetime, *, replace: bool = False) -> tuple[Draft, ...]:
    """Put the texts into the editor. Raises ``ControlRefused`` (``draft_exists``)."""
    return hand_over(ws, found.texts, origin=ORIGIN, now=now, replace=replace)


def _form_of(data: Mapping[str, Any], path: Path) -> str:
    found = [form for form in FORMS if _RECOGNISED[form](data)]
    if len(found) == 1:
        return found[0]
    raise UsageWrong(
        f"{one_line(path.name, 100)} is not recognised as a list of models",
        code="import_form_unknown",
        remedy=f"say what it is: --format {'|'.join(found or FORMS)}",
    )
