"""Coverage-guided fuzzing of every adapter's parser and stream reader with atheris; optional.

``python fuzz/parsers.py [-max_total_time=60] [corpus folder]``: whatever the bytes, there is a typed outcome.
The first byte of an input chooses the adapter, the second the status, the third the length of the pieces of
a stream. The test suite does the same with seeded damage (tests/llm/test_wire_fuzz.py).
"""
# ruff: noqa: INP001 - a script, not a package

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from peak_console.domain.calls import Answer, Failure, Pending

_ADAPTERS: list[Any] = []
"""Imported once coverage is watched."""
_STATUSES = (200, 201, 301, 400, 401, 404, 408, 422, 424, 429, 500, 503)
_HEAD = 3


def one_input(data: bytes) -> None:
    """Read ``data`` as a body and as a stream of the adapter that it chooses."""
    if len(data) < _HEAD:
        return
    adapter = _ADAPTERS[data[0] % len(_ADAPTERS)]
    body = data[_HEAD:]
    _typed(adapter.parse(_STATUSES[data[1] % len(_STATUSES)], {}, body), adapter)
    if adapter.reader is not None:
        reader = adapter.reader(200, {})
        step = data[2] + 1
        for start in range(0, len(body), step):
            reader.feed(body[start : start + step])
        _typed(reader.close(), adapter)


def _typed(outcome: object, adapter: Any) -> None:
    if not isinstance(outcome, Answer | Failure | Pending):
        raise TypeError(f"{adapter.provider} {adapter.endpoint} gave {type(outcome).__name__}")


def main(arguments: list[str]) -> int:
    """Fuzz until told to stop; 2 when atheris is not there."""
    if find_spec("atheris") is None:
        sys.stderr.write(
            "atheris is not installed: nothing was fuzzed. Install it with: pip install atheris\n"
        )
        return 2
    atheris: Any = import_module("atheris")
    with atheris.instrument_imports(include=["peak_console.llm.providers"]):
        _ADAPTERS.extend(import_module("peak_console.llm.providers.adapters").ADAPTERS.values())
    atheris.Setup(arguments, one_input)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
