"""Rules of prompts: what the matrix refers to exists, and says something."""

from collections.abc import Iterator, Mapping
from typing import Any

from peak_console.config.editing.changes import Change
from peak_console.config.lint.finding import Fix
from peak_console.config.lint.inspection import Hit, Inspection
from peak_console.config.schema import PROMPT_REFERENCE
from peak_console.config.sources import PROMPTS
from peak_console.domain.text import one_line


def prompt_references(inspection: Inspection) -> Iterator[Hit]:
    """``prompt.missing`` and ``prompt.unset``."""
    for layer, config in inspection.layers():
        raw: Any = inspection.data("matrix").get(layer.value, {})
        for role in ("primary", "critic"):
            reference = getattr(config.prompts, role)
            named = raw.get("prompts")
            if reference is not None:
                yield from _missing(inspection, (layer.value, "prompts", role), reference)
            elif role in raw and not (isinstance(named, Mapping) and role in named):
                message = f"{layer}.{role} has a model and no prompt"
                yield inspection.hit("prompt.unset", "matrix", (layer.value, role), message)


def _missing(inspection: Inspection, path: tuple[str, ...], reference: str) -> Iterator[Hit]:
    match = PROMPT_REFERENCE.fullmatch(reference)
    if match is None or reference in inspection.sources.prompts or not inspection.sources.complete:
        return
    file = f"{PROMPTS}/{match[1]}/{match[2]}.md"
    versions = sorted(
        one
        for one in inspection.sources.prompts
        if PROMPT_REFERENCE.fullmatch(one) and one.startswith(f"{match[1]}@")
    )
    remedy = f"write {file}" + (f", or name one of {', '.join(versions)}" if versions else "")
    fix = Fix(f"name {versions[-1]}", (Change(path, versions[-1]),)) if versions else None
    yield inspection.hit("prompt.missing", "matrix", path, f"there is no prompt {reference}", remedy, fix=fix)


def misnamed_prompts(inspection: Inspection) -> Iterator[Hit]:
    """``prompt.misnamed``: a file that no reference can name."""
    for reference, document in inspection.sources.prompts.items():
        if not PROMPT_REFERENCE.fullmatch(reference):
            message = f"{one_line(reference, 80)} is not a name that the matrix can refer to"
            yield Hit("prompt.misnamed", document.name, (1, 1), message)


def empty_prompts(inspection: Inspection) -> Iterator[Hit]:
    """``prompt.empty``: a prompt file without text."""
    for document in inspection.sources.prompts.values():
        if document.trouble is None and not document.text.strip():
            yield Hit("prompt.empty", document.name, (1, 1), "the prompt says nothing")
