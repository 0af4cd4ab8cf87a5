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
    """Keep each text as the draft of its config, with the file it was made from; all of them or none.

    Raises ``ControlRefused`` (``draft_exists``) where another draft stands and ``replace`` is not wanted.
    """
    store = drafts_of(ws)
    if not replace:
        for target, (_, text) in texts.items():
            held = store.get(target.name)
            if held is not None and held.text not in {text, held.base_text}:
                raise ControlRefused(
                    f"there is a draft of {target.name} already, by {held.origin}",
                    code="draft_exists",
                    remedy="save or drop it in the editor first, or say --replace-draft",
                    config=target.name,
                )
    return tuple(
        store.put(target.name, text, base=old.digest, base_text=old.text or "", origin=origin, now=now)
        for target, (old, text) in texts.items()
    )
