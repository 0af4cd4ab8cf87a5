"""Changes made in the text of a TOML file; comments, order and formatting of all else stay.

Each change is a cut in the text. What the text then says is held against what it should say: a change that
cannot be made exactly is refused, never made roughly.
"""

import tomllib
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from peak_console.config.document import parse_document
from peak_console.config.editing.changes import ABSENT, Change
from peak_console.config.editing.intending import intended, same_but_husks
from peak_console.config.editing.placing import put, taken_out
from peak_console.config.positions import Path
from peak_console.domain.errors import UsageWrong

_REMEDY: Final = "change it in the text: peak matrix edit, or the console's editor"


def apply_changes(text: str, changes: Iterable[Change], *, path: str = "config.toml") -> str:
    """The text with the changes made, in order.

    A lone table ``[L2.fallback]`` is element 0 of a list of one, and stays a lone table; an element 1 makes
    it an array of tables. A table or list that stood by what is taken out alone goes with it. ``path`` names
    the file. Raises ``UsageWrong`` (``edit_impossible``): the text is no TOML, or the change does not fit it.
    """
    if not path.endswith(".toml"):
        raise _impossible("only TOML can be changed by key", "change its text, or rewrite the file as TOML")
    document = parse_document(text.encode("utf-8", "surrogatepass"), path)
    if document.trouble is not None:
        raise _impossible(document.trouble.message, "mend the file's text first; peak lint says where")
    for change in changes:
        text = _changed(text, change)
    return text


def _changed(text: str, change: Change) -> str:
    data = _loaded(text)
    try:
        wanted = intended(data, change)
        result = (
            taken_out(text, change.path) if change.value is ABSENT else put(text, change.path, change.value)
        )
        exact = same_but_husks(_loaded(result), wanted, change.path)
    except (ValueError, TypeError, LookupError, RecursionError, ArithmeticError) as error:
        raise _impossible(str(error), _REMEDY) from error
    if not exact:
        raise _impossible(f"{_key(change.path)} cannot be changed in place", _REMEDY)
    return result


def _loaded(text: str) -> dict[str, Any]:
    return tomllib.loads(text, parse_float=Decimal)


def _key(path: Path) -> str:
    return ".".join(map(str, path))


def _impossible(message: str, remedy: str) -> UsageWrong:
    return UsageWrong(f"the change cannot be made: {message}", code="edit_impossible", remedy=remedy)
