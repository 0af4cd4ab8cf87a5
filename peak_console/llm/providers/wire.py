"""What every adapter takes, and how it reads foreign JSON: by path, without guessing. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from peak_console.domain.calls import Message, ToolDefinition, Usage
from peak_console.domain.canonical import DEPTH_LIMIT
from peak_console.domain.text import one_line
from peak_console.net.decoding import ACCEPT_ENCODING

JSON_HEADERS: Final = {
    "content-type": "application/json",
    "accept": "application/json",
    "accept-encoding": ACCEPT_ENCODING,
    "user-agent": "peak-console",
}

STREAM_HEADERS: Final = {**JSON_HEADERS, "accept": "text/event-stream", "accept-encoding": "identity"}
"""Of a streamed answer: uncompressed, so that no piece waits in a compressor."""

_MOST_TOKENS: Final = 10**12
_EXACT: Final = 2**53
"""Integers below this survive every JSON reader."""


@dataclass(frozen=True, slots=True)
class WireHostedTool:
    """A tool the provider runs: its type on the wire, and how often it may be run."""

    wire_type: str
    max_calls: int
    domains: tuple[str, ...] = ()
    """Where it may go, as scopes write it (``*.`` takes in what lies below); empty for anywhere."""


@dataclass(frozen=True, slots=True)
class WireCall:
    """A call as it goes to one candidate: everything an adapter needs, and no key."""

    base_url: str
    model_id: str
    messages: tuple[Message, ...]
    max_output_tokens: int
    tools: tuple[ToolDefinition, ...] = ()
    temperature: float | None = None
    response_schema: Mapping[str, Any] | None = None
    response_schema_name: str = "answer"
    api_version: str | None = None
    """Azure: the classic deployments address with this version; ``None`` for the v1 one."""
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    reasoning_effort: str | None = None
    tool_choice: str | None = None
    hosted_tools: tuple[WireHostedTool, ...] = ()
    stream: bool = False
    background: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether its body is canonical JSON by construction.

        No foreign keys, no numbers with a point, none beyond 2^53, nothing already written out.
        """
        return (
            not self.tools
            and not self.hosted_tools
            and self.temperature is None
            and self.top_p is None
            and (self.seed is None or abs(self.seed) < _EXACT)
            and self.response_schema is None
            and not any(message.tool_calls for message in self.messages)
        )


def encoded(body: Mapping[str, Any]) -> bytes:
    """A body's bytes, keys sorted. Raises ``TypeError`` for what has no JSON form (lone surrogates)."""
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


class Malformed(Exception):
    """A response has a shape its wire format does not know; ``path`` says where."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path


def loaded(body: bytes) -> dict[str, Any]:
    """A response's body as an object."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        start = one_line(body[:80].decode("utf-8", "replace"), 60)
        raise Malformed("$", f"not JSON ({one_line(str(error), 80)}); it begins {start!r}") from None
    return an_object(value, "$")


def an_object(value: Any, path: str) -> dict[str, Any]:
    """``value`` if it is an object."""
    if isinstance(value, dict):
        return value
    raise Malformed(path, f"an object was expected, not {_kind(value)}")


def a_list(value: Any, path: str) -> list[Any]:
    """``value`` if it is a list."""
    if isinstance(value, list):
        return value
    raise Malformed(path, f"a list was expected, not {_kind(value)}")


def a_text(value: Any, path: str) -> str:
    """``value`` if it is text."""
    if isinstance(value, str):
        return value
    raise Malformed(path, f"text was expected, not {_kind(value)}")


def arguments(value: Any, path: str) -> dict[str, Any]:
    """``value`` if it is an object that every later reader and writer of JSON takes."""
    found = an_object(value, path)
    if not _within_depth(found, DEPTH_LIMIT):
        raise Malformed(path, f"nested deeper than {DEPTH_LIMIT}")
    return found


def _within_depth(value: Any, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(_within_depth(one, depth - 1) for one in inner)


def maybe_text(value: Any, path: str) -> str | None:
    """``value`` if it is text or absent."""
    return None if value is None else a_text(value, path)


def tokens(value: Any, path: str) -> int:
    """``value`` if it is a count of tokens; absent and null count as zero."""
    if value is None:
        return 0
    if type(value) is int and 0 <= value <= _MOST_TOKENS:
        return value
    raise Malformed(path, f"a count of tokens was expected, not {shown(value)}")


def shown(value: Any) -> str:
    """A foreign value as an error tells it: scalars themselves, for the rest only what kind it is."""
    if isinstance(value, dict | list):
        return _kind(value)
    return one_line(repr(value), 40)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a truth value", type(None): "nothing"}
    return names.get(type(value), "a number")


def consistent(usage: Usage, path: str) -> Usage:
    """``usage`` if its parts fit into its totals: a bill that contradicts itself cannot be priced."""
    if usage.cache_read + usage.cache_write > usage.input_total:
        raise Malformed(path, "more cached tokens than input tokens")
    if usage.reasoning > usage.output_total:
        raise Malformed(path, "more reasoning tokens than output tokens")
    return usage


def openai_usage(usage: dict[str, Any], names: tuple[str, str], *, hosted_calls: int = 0) -> Usage:
    """A bill in OpenAI's form; ``names`` are its words for the input and the output ("prompt", "input")."""
    taken, made = (f"{name}_tokens" for name in names)
    read_path, made_path = f"usage.{taken}_details", f"usage.{made}_details"
    read = an_object(usage.get(f"{taken}_details") or {}, read_path)
    spent = an_object(usage.get(f"{made}_details") or {}, made_path)
    if taken not in usage or made not in usage:
        raise Malformed("usage", f"{taken} or {made} is missing")
    result = Usage(
        input_total=tokens(usage[taken], f"usage.{taken}"),
        cache_read=tokens(read.get("cached_tokens"), f"{read_path}.cached_tokens"),
        cache_write=tokens(read.get("cache_write_tokens"), f"{read_path}.cache_write_tokens"),
        output_total=tokens(usage[made], f"usage.{made}"),
        reasoning=tokens(spent.get("reasoning_tokens"), f"{made_path}.reasoning_tokens"),
        hosted_calls=hosted_calls,
    )
    return consistent(result, "usage")


def error_object(body: bytes) -> dict[str, Any]:
    """The ``error`` object of an error response, or an empty one: errors come in any shape."""
    try:
        root = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if isinstance(root, list) and root:
        root = root[0]
    if not isinstance(root, dict):
        return {}
    error = root.get("error", root)
    return error if isinstance(error, dict) else {"message": error if isinstance(error, str) else ""}


def error_message(error: Mapping[str, Any]) -> str:
    """What an error says to people; a validation's ``detail`` list is told with its places."""
    message = error.get("message") or error.get("Message") or error.get("detail")
    if isinstance(message, str):
        return message
    if not isinstance(message, list):
        return ""
    return "; ".join(_complaint(one) for one in message[:5] if isinstance(one, dict))


def _complaint(one: Mapping[str, Any]) -> str:
    place = one.get("loc")
    parts = [_word(part) for part in place[:10]] if isinstance(place, list) else []
    return ": ".join(part for part in (".".join(parts), _word(one.get("msg", ""))) if part)


def _word(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)
