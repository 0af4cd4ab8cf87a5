"""A request read back: the question in what a provider was sent, so that it can be asked again. Pure.

The inverse of the adapters' ``build``, as far as a question goes: messages and terms, without tools.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from peak_console.domain.calls import CallRequest, Message
from peak_console.domain.vocabulary import Layer

_EFFORTS: Final = frozenset({"minimal", "low", "medium", "high"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: its messages and its terms, as the words of a ``CallRequest``."""

    words: Mapping[str, Any]

    def request(self, **more: Any) -> CallRequest:
        """The call that asks it again."""
        return CallRequest(**self.words, **more)


def asked_again(body: Mapping[str, Any]) -> Asked | None:
    """The question in a request as any provider was sent it; ``None`` where it cannot be asked again."""
    if any(body.get(name) for name in ("tools", "toolConfig", "background")):
        return None
    reader = next((read for key, read in _READERS.items() if key in body), None)
    if reader is None:
        return None
    try:
        asked = Asked(reader(body))
        asked.request(layer=Layer.L0)
    except (_Unreadable, ValidationError, ValueError, AttributeError, TypeError, KeyError):
        return None
    return asked


class _Unreadable(Exception):
    """A part that has no place in a call."""


def _chat(body: Mapping[str, Any]) -> dict[str, Any]:
    """Chat completions, and Converse: both have ``messages``."""
    config = body.get("inferenceConfig") or {}
    system = [_message("system", one) for one in body.get("system") or ()]
    messages = [_message(one["role"], one["content"]) for one in body["messages"]]
    return _words(
        [*system, *messages],
        body.get("response_format", {}).get("json_schema") or _converse_schema(body),
        temperature=body.get("temperature", config.get("temperature")),
        effort=body.get("reasoning_effort"),
    )


def _responses(body: Mapping[str, Any]) -> dict[str, Any]:
    system = [_message("system", body["instructions"])] if body.get("instructions") else []
    given = body["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    return _words(
        [*system, *(_message(one["role"], one["content"]) for one in items)],
        body.get("text", {}).get("format"),
        temperature=body.get("temperature"),
        effort=(body.get("reasoning") or {}).get("effort"),
    )


def _gemini(body: Mapping[str, Any]) -> dict[str, Any]:
    config = body.get("generationConfig") or {}
    system = [_message("system", body["systemInstruction"]["parts"])] if body.get("systemInstruction") else []
    roles = {"user": "user", "model": "assistant"}
    schema = config.get("responseJsonSchema")
    return _words(
        [*system, *(_message(roles[one.get("role", "user")], one["parts"]) for one in body["contents"])],
        {"schema": schema} if schema else None,
        temperature=config.get("temperature"),
        effort=None,
    )


_READERS: Final = {"messages": _chat, "input": _responses, "contents": _gemini}
"""By the key in which an interface has its messages."""


def _words(
    messages: list[Message], schema: Mapping[str, Any] | None, *, temperature: Any, effort: Any
) -> dict[str, Any]:
    words: dict[str, Any] = {"messages": tuple(messages)}
    if schema:
        words["response_schema"] = schema["schema"]
        words["response_schema_name"] = str(schema.get("name", "answer"))
    if temperature is not None:
        words["temperature"] = float(temperature)
    if effort in _EFFORTS:
        words["reasoning_effort"] = effort
    return words


def _message(role: str, content: Any) -> Message:
    role = {"developer": "system"}.get(role, role)
    if role not in {"system", "user", "assistant"}:
        raise _Unreadable(role)
    return Message(role=role, content=_text(content))


def _text(content: Any) -> str:
    """The text of a message, in one piece or in parts; raises ``_Unreadable`` for a part that is none."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    texts = [one.get("text") for one in parts]
    if not all(isinstance(one, str) for one in texts):
        raise _Unreadable("a part without text")
    return "\n".join(texts)


def _converse_schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    form = (body.get("outputConfig") or {}).get("textFormat") or {}
    described = (form.get("structure") or {}).get("jsonSchema")
    if not described:
        return None
    return {"name": described["name"], "schema": json.loads(described["schema"])}
