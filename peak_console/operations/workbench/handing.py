"""A proposal handed to the editor as a draft; a draft that somebody is at is never overwritten."""

from collections.abc import Mapping
from datetime import datetime

from peak_console.config.editing.targets import Target, targets_of
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import ControlRefused
from peak_console.operations.workbench.drafts import drafts_of
from peak_console.operations.workbench.files import Standing
from peak_console.operations.workbench.shapes import Draft


def target_standing(ws: Workspace, kind: str) -> Target:
    """The config of a kind as it stands: its TOML, or the YAML in its place."""
    return next(one for one in targets_of(ws) if one.name == kind)


def hand_over(
    ws: Workspace,
    texts: Mapping[Target, tuple[Standing, str]],
    *,
    origin: str,
    now: datetime,
    replace: bool = False,
) -> tuple[Draft, ...]:
    """Propose each text as a draft of its config, with the file it was made from; all of them or none.

    ``replace`` forgets drafts of editors that have ended; of one that is open it never does. Raises
    ``ControlRefused`` (``draft_exists``) where another draft stands and ``replace`` is not wanted.
    """
    store = drafts_of(ws)
    if not replace:
        for target, (_, text) in texts.items():
            for held in store.of(target.name):
                if held.text not in {text, held.base_text}:
                    raise ControlRefused(
                        f"there is a draft of {target.name} already, by {held.origin}",
                        code="draft_exists",
                        remedy="save or drop it in the editor first, or say --replace-draft",
                        config=target.name,
                    )
    stood = {target: store.parted(target.name).offered for target in texts}
    kept = tuple(
        store.put(target.name, text, base=old.digest, base_text=old.text or "", origin=origin, now=now)
        for target, (old, text) in texts.items()
    )
    for one in (one for drafts in stood.values() for one in drafts if one.editor is not None):
        store.forget(one)
    return kept
