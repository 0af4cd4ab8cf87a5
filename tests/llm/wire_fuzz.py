"""Bodies that are nearly right: every value replaced, removed or cut somewhere."""

from typing import Any

import orjson
from hypothesis import strategies as st

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
