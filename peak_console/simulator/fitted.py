"""Content laid into a JSON schema: what has a fitting name and type is taken, all else is drawn."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from peak_console.simulator.structured import resolved, value_for

_DEEPEST: Final = 8
_PERCENT: Final = 100
_TEN: Final = 10


@dataclass(frozen=True, slots=True)
class Share:
    """A strength that a schema may want as a word or as a number: ``high``, 80, 8 or 0.8."""

    word: str
    percent: int


def fitted(schema: dict[str, Any], content: Mapping[str, Any], draw: random.Random) -> Any:
    """A value for ``schema`` with ``content`` in the places of its names, whatever types they have there.

    Prices stand in ``content`` as text, so that a schema can have them as text or as numbers.
    """
    return _Fitting(schema, draw).value(schema, content, 0)


@dataclass(frozen=True, slots=True)
class _Fitting:
    root: dict[str, Any]
    draw: random.Random

    def value(self, node: Any, given: Any, depth: int) -> Any:
        """``given`` as ``node`` wants it, or something drawn."""
        node = resolved(node, self.root)
        if not isinstance(node, dict) or depth > _DEEPEST or "const" in node:
            return self.drawn(node)
        for word in ("anyOf", "oneOf"):
            if isinstance(node.get(word), list) and node[word]:
                return self.value(self.option(node[word], given), given, depth + 1)
        if isinstance(node.get("enum"), list):
            said = given.word if isinstance(given, Share) else given
            return said if said in node["enum"] else self.drawn(node)
        return self.typed(node, given, depth)

    def typed(self, node: dict[str, Any], given: Any, depth: int) -> Any:
        kind = node.get("type", "object" if "properties" in node else "string")
        if isinstance(kind, list):
            kind = "null" if given is None and "null" in kind else next(one for one in kind if one != "null")
        if kind == "object" and isinstance(given, Mapping):
            named = node.get("properties") or {}
            return {
                name: self.value(inner, given[name], depth + 1) if name in given else self.drawn(inner)
                for name, inner in named.items()
            }
        if kind == "array" and isinstance(given, list):
            most = int(node.get("maxItems", len(given)))
            return [self.value(node.get("items", {}), one, depth + 1) for one in given[:most]]
        if kind in {"integer", "number"}:
            number = _number(node, given)
            return self.drawn(node) if number is None else round(number) if kind == "integer" else number
        if kind == "string" and isinstance(given, str | int | Share):
            text = given.word if isinstance(given, Share) else str(given)
            return text[: int(node["maxLength"])] if "maxLength" in node else text
        return None if kind == "null" else self.drawn(node)

    def option(self, options: list[Any], given: Any) -> Any:
        """The option that can hold what is given."""
        plain = [resolved(one, self.root) for one in options]
        nulls = [one for one in plain if isinstance(one, dict) and one.get("type") == "null"]
        if given is None and nulls:
            return nulls[0]
        others = [one for one in plain if one not in nulls] or plain
        wanted = {str: "string", int: "integer", list: "array", dict: "object"}.get(type(given), "string")
        return next((one for one in others if isinstance(one, dict) and one.get("type") == wanted), others[0])

    def drawn(self, node: Any) -> Any:
        return value_for(node, self.draw, self.root) if isinstance(node, dict) else None


def _number(node: Mapping[str, Any], given: Any) -> float | None:
    most = node.get("maximum", node.get("exclusiveMaximum"))
    if isinstance(given, Share):
        scale = _PERCENT if most is None or most > _TEN else _TEN if most > 1 else 1
        number = given.percent * scale / _PERCENT
    else:
        try:
            number = float(given)
        except (TypeError, ValueError):
            return None
    least = node.get("minimum", number)
    return float(min(max(number, least), node.get("maximum", number)))
