"""Keys that no provider gave out, in every variable that holds one: wherever one turns up, a real one would.

A test's keys look like these: ``canary-<whose>-0123456789``, or ``AKIACANARY…`` where AWS's form is wanted.
Then the whole run is searched for them (`support.canary_watch`).
"""

import base64
import re
from typing import Final

KEYS: Final = {
    "OPENAI_API_KEY": "canary-openai-0123456789",
    "GEMINI_API_KEY": "canary-gemini-0123456789",
    "MISTRAL_API_KEY": "canary-mistral-0123456789",
    "TOGETHER_API_KEY": "canary-together-0123456789",
    "AZURE_OPENAI_API_KEY": "canary-azure-0123456789",
    "AWS_BEARER_TOKEN_BEDROCK": "canary-bedrock-0123456789",
}
ACCESS_KEYS: Final = {
    "AWS_ACCESS_KEY_ID": "AKIACANARY0123456789",
    "AWS_SECRET_ACCESS_KEY": "canary-secret-0123456789",
    "AWS_SESSION_TOKEN": "canary-session-0123456789",
}
_WORD: Final = b"canary-"


def _in_base64(word: bytes) -> list[bytes]:
    """What of ``word`` shows in base64, wherever in a text it stands."""
    shown = []
    for shift in range(3):
        coded = base64.b64encode(b"." * shift + word)
        begin = -(-shift * 8 // 6)
        shown.append(coded[begin : (shift + len(word)) * 8 // 6])
    return shown


PATTERN: Final = re.compile(
    rb"canary-[a-z-]*0123[0-9a-f]*|AKI[AD]CANARY[0-9A-Z]+|" + b"|".join(map(re.escape, _in_base64(_WORD)))
)


def found_in(data: bytes) -> list[str]:
    """The canaries that stand in ``data``, plain or in base64."""
    return sorted({one.decode() for one in PATTERN.findall(data)})
