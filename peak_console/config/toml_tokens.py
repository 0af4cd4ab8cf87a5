"""The tokens of TOML 1.0 as patterns, for scanners of text that tomllib has accepted."""

import re
import tomllib
from typing import Final

BLANK: Final = re.compile(r"[ \t]*")
GAP: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
BASIC: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"')
LITERAL: Final = re.compile(r"'[^'\n]*'")
LONG_BASIC: Final = re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*"""' + '"{0,2}', re.DOTALL)
LONG_LITERAL: Final = re.compile(r"'''(?:[^']|'(?!''))*'''" + "'{0,2}", re.DOTALL)
PLAIN: Final = re.compile(r"[^,\]}#\n]+")

STRINGS: Final = (
    ('"""', LONG_BASIC),
    ("'''", LONG_LITERAL),
    ('"', BASIC),
    ("'", LITERAL),
)
"""How each kind of string opens, the longer openings first."""


def unquoted(key: str) -> str:
    """A part of a key as a name: without its quotes, escapes resolved."""
    if key[0] == "'" or (key[0] == '"' and "\\" not in key):
        return key[1:-1]
    return str(tomllib.loads(f"key = {key}")["key"]) if key[0] == '"' else key
