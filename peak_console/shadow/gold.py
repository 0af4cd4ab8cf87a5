"""Whether an answer to a gold case is right: by its text, a pattern, or the structure of its JSON. Pure.

What is said of a wrong answer holds no word of it: the answer is a model's, and stands in its run.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from peak_console.config.canaries import CanaryCase, Expected
from peak_console.domain.calls import CallResult, Finish

LONGEST: Final = 20_000
"""Characters of an answer that are looked at; a longer one is no right answer to a short question."""

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def wrong(case: CanaryCase, answer: CallResult) -> str | None:
    """Why ``answer`` is not right, in words; ``None`` where it is."""
    if answer.extra.get("refusal"):
        return "it declined"
    if answer.finish is Finish.LENGTH:
        return "it was cut at the output limit"
    return differs(case.expect, answer.text)


def differs(expected: Expected, text: str) -> str | None:
    """Why ``text`` is not what was expected; ``None`` where it is."""
    if len(text) > LONGEST:
        return "it is far too long"
    said = text.strip()
    if expected.text is not None:
        return None if said == expected.text.strip() else "another text"
    if expected.pattern is not None:
        return None if re.fullmatch(expected.pattern, said) else "it does not fit the pattern"
    try:
        # whole numbers beyond what a float holds are compared as text is: exactly
        found: Any = json.loads(said)
    except (ValueError, RecursionError):
        found = None
    return _object_differs(expected, found) if isinstance(found, dict) else "no JSON object"


def _object_differs(expected: Expected, found: Mapping[str, Any]) -> str | None:
    values, types = expected.values or {}, expected.types or {}
    for name in (*values, *types):
        if name not in found:
            return f"key {name} is missing"
    if len(found) > len(values) + len(types):
        return "it has a key that was not asked for"
    for name, value in values.items():
        if type(found[name]) is not type(value) or found[name] != value:
            return f"{name} has another value"
    for name, kind in types.items():
        if not _is(found[name], kind):
            return f"{name} is no {kind}"
    return None


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])
