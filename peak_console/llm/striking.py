"""Our keys in what others say: struck out of every foreign text of an outcome before anything keeps it. Pure.

Whoever answers may put a key that it was sent anywhere: into the model's name, an id, a tool's arguments, the
answer itself. So nothing is trusted to be free of one, and every text is looked through.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final, TypeVar

from peak_console.domain.calls import Answer, Delta, Failure, Pending, ToolCall
from peak_console.net.messages import REDACTED

SHORTEST: Final = 6
"""Shorter values are no keys: striking them would tear words apart."""

_HEAD: Final = 12
"""So much of a key is a piece of it, where a text was cut in its middle."""

_CUT: Final = "…"

_Foreign = TypeVar("_Foreign", bound=Answer | Failure | Pending)


class Secrets:
    """The keys that may be quoted back to us. Its ``repr`` shows none of them."""

    __slots__ = ("_held", "_shortest")

    def __init__(self, held: Iterable[str] = ()) -> None:
        self._held: tuple[str, ...] = ()
        self._shortest = 0
        self.add(held)

    def __repr__(self) -> str:
        return "<Secrets>"

    def add(self, held: Iterable[str]) -> None:
        """Know these as well; what is too short to be a key is left out."""
        more = {one for one in held if len(one) >= SHORTEST}
        if not more.issubset(self._held):
            # the longest first: one may be a part of another
            self._held = tuple(sorted(more.union(self._held), key=len, reverse=True))
            self._shortest = min(len(self._held[-1]), _HEAD)

    def struck(self, text: str) -> str:
        """``text`` with every key struck out, also one in whose middle it was cut."""
        if len(text) < self._shortest:
            return text
        for one in self._held:
            if one[:_HEAD] in text:
                text = _uncut(text.replace(one, REDACTED), one)
        return text

    def struck_or_none(self, text: str | None) -> str | None:
        """:meth:`struck`, where there is a text."""
        return None if text is None else self.struck(text)


def struck(outcome: _Foreign, secrets: Secrets) -> _Foreign:
    """``outcome`` with every key struck out of whatever its provider said; itself where there is none.

    What leads somewhere, a response's id, is left as it is: whoever follows it looks at it first.
    """
    changed: dict[str, Any] = {
        name: better
        for name in _TEXTS[type(outcome)]
        if (text := getattr(outcome, name)) is not None and (better := secrets.struck(text)) != text
    }
    if isinstance(outcome, Answer) and outcome.tool_calls:
        calls = tuple(_call(one, secrets) for one in outcome.tool_calls)
        if calls != outcome.tool_calls:
            return replace(outcome, tool_calls=calls, **changed)
    return replace(outcome, **changed) if changed else outcome


def struck_delta(delta: Delta, secrets: Secrets) -> Delta:
    """``delta`` without a key that stands whole in it."""
    text, name = secrets.struck(delta.text), secrets.struck(delta.tool_name)
    arguments = secrets.struck(delta.arguments)
    if text is delta.text and name is delta.tool_name and arguments is delta.arguments:
        return delta
    return replace(delta, text=text, tool_name=name, arguments=arguments)


_TEXTS: Final[dict[type, tuple[str, ...]]] = {
    Answer: ("text", "model_echo", "fingerprint", "request_id", "refusal"),
    Failure: ("detail", "model_echo", "request_id"),
    Pending: ("status", "model_echo", "request_id"),
}


def _call(call: ToolCall, secrets: Secrets) -> ToolCall:
    return ToolCall(
        id=secrets.struck(call.id), name=secrets.struck(call.name), arguments=_value(call.arguments, secrets)
    )


def _value(value: Any, secrets: Secrets) -> Any:
    """A JSON value without keys, in its names as in its texts."""
    if isinstance(value, str):
        return secrets.struck(value)
    if isinstance(value, dict):
        return {secrets.struck(name): _value(inner, secrets) for name, inner in value.items()}
    if isinstance(value, list):
        return [_value(inner, secrets) for inner in value]
    return value


def _uncut(text: str, key: str) -> str:
    """``text`` without the beginning of ``key`` where it was cut in it: at its end, or before an ellipsis."""
    head = key[:_HEAD]
    at = text.find(head)
    while at >= 0 and len(key) > _HEAD:
        end = at + _HEAD
        while end < len(text) and end - at < len(key) and text[end] == key[end - at]:
            end += 1
        if end == len(text) or text[end] == _CUT:
            text = text[:at] + REDACTED + text[end:]
        at = text.find(head, at + 1)
    return text
