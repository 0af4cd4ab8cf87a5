"""Bodies and streams that are nearly right: every value replaced, removed or cut somewhere."""

from copy import deepcopy
from random import Random
from typing import Any

import orjson
from hypothesis import strategies as st
from wire_seeds import StreamSeed

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in _places(one, (*path, key)))]


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    key, *rest = path
    if isinstance(value, list):
        return [_replaced(one, tuple(rest), new) if at == key else one for at, one in enumerate(value)]
    return {name: _replaced(one, tuple(rest), new) if name == key else one for name, one in value.items()}


@st.composite
def mutations(draw: st.DrawFn, body: bytes) -> bytes:
    """``body`` with one or two values replaced by others, or its bytes cut or changed."""
    value = orjson.loads(body)
    for _ in range(draw(st.integers(1, 2))):
        value = _replaced(value, draw(st.sampled_from(_places(value))), draw(_VALUES))
    try:
        data = orjson.dumps(value)
    except TypeError:
        data = body
    if draw(st.integers(0, 4)) == 0:
        data = data[: draw(st.integers(0, len(data)))]
    if draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(max_size=6)) + data[at:]
    return data


_HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, -(2**63), 0.5, -1e308, "", "x", "0", "stop",
    "\x00\x1b[2J", "\u202e\u2066", "\ud7ff", "null", "{", "[]", '{"a":', "x" * 5000, [], {}, [None], [[]],
    [{}], {"": {}}, {"a": []}, {"error": {}}, {"text": 5}, {"message": None}, {"type": "text", "text": []},
)  # fmt: skip
"""Values that stand where others belong."""


_DEEP = "put-something-deep-here"
"""Stands for what nests deeper than a writer of JSON writes, though not deeper than a reader reads."""


def _written(rng: Random, value: Any) -> bytes:
    data = orjson.dumps(value)
    depth = rng.randrange(1, 1000)
    left, right = rng.choice([(b"[", b"]"), (b'{"a":', b"}")])
    return data.replace(b'"%b"' % _DEEP.encode(), left * depth + b"1" + right * depth)


def damage(rng: Random, value: Any) -> Any:
    """``value`` with something within it replaced, removed, renamed, repeated or moved, in place."""
    holder = value
    while isinstance(holder, dict | list) and holder:
        key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
        inner = holder[key]
        if isinstance(inner, dict | list) and inner and rng.random() < 0.75:
            holder = inner
            continue
        act = rng.randrange(8)
        if act == 0:
            del holder[key]
        elif act == 1 and isinstance(holder, dict):
            holder[rng.choice(["", "error", "usage", "choices", "type", "text", "id"])] = holder.pop(key)
        elif act == 2 and isinstance(holder, list):
            holder.append(inner)
        elif act == 3:
            holder[key] = [inner]
        elif act == 4:
            holder[key] = _DEEP
        else:
            holder[key] = deepcopy(rng.choice(_HOSTILE))
        return value
    return deepcopy(rng.choice(_HOSTILE))


def damaged_bytes(rng: Random, data: bytes) -> bytes:
    """``data`` cut, or with a few of its bytes changed, doubled or put elsewhere."""
    act = rng.randrange(4)
    at = rng.randrange(len(data) + 1)
    if act == 0:
        return data[:at]
    if act == 1:
        return data[:at] + rng.randbytes(rng.randrange(1, 6)) + data[at + rng.randrange(3) :]
    if act == 2:
        return data[:at] + data[max(0, at - rng.randrange(40)) :]
    return data[at:] + data[:at]


def damaged(rng: Random, body: bytes) -> bytes:
    """``body`` with one to three damages in its values, and perhaps in its bytes."""
    value = orjson.loads(body)
    for _ in range(rng.randrange(1, 4)):
        value = damage(rng, value)
    data = _written(rng, value)
    return damaged_bytes(rng, data) if rng.random() < 0.2 else data


def damaged_stream(rng: Random, seed: StreamSeed) -> bytes:
    """A stream with events damaged, dropped, doubled or swapped, and perhaps its bytes."""
    events = list(seed.events)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(events))
        name, payload = events[at]
        act = rng.randrange(6)
        if act == 0 and len(events) > 1:
            del events[at]
        elif act == 1:
            events.insert(rng.randrange(len(events)), events[at])
        elif act == 2:
            other = rng.randrange(len(events))
            events[at], events[other] = events[other], events[at]
        elif payload[:1] == b"{" and (name, payload) in seed.events:
            events[at] = (name, _written(rng, damage(rng, orjson.loads(payload))))
    data = b"".join(seed.written(*event) for event in events)
    return damaged_bytes(rng, data) if rng.random() < 0.2 else data


def cut_up(rng: Random, data: bytes) -> list[bytes]:
    """``data`` in pieces of any length."""
    pieces = []
    while data:
        length = rng.choice((1, 2, 7, 50, 400, 5000))
        pieces.append(data[:length])
        data = data[length:]
    return pieces
