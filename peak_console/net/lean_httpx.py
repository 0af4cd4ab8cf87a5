"""httpx without its own command line, which would load rich, click and pygments: 100 ms nobody here needs.

httpx imports that part only when its extras are there, and does without it when the import fails.
"""

import sys
from typing import Any, cast

_COMMAND_LINE = "httpx._main"

_modules = cast("dict[str, Any]", sys.modules)
_lean = "httpx" not in _modules
if _lean:
    _modules[_COMMAND_LINE] = None  # an import of it now raises ImportError

import httpx as httpx  # noqa: E402, PLC0414 - after the above; handed on

if _lean:
    del _modules[_COMMAND_LINE]
