"""How a receiver verifies a webhook: the code in the documents, over what is really sent."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from incident_events import ID, START, opened

from peak_console.control.keys import KeySigner, openssh
from peak_console.incidents.fold import fold_incidents
from peak_console.incidents.hooks import Telling, message, signed_headers


def _documented() -> Callable[..., bool]:
    text = (Path(__file__).parents[2] / "docs" / "incidents.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(compile(code, "docs/incidents.md", "exec"), names)  # noqa: S102 - the document's own code
    found: Callable[..., bool] = names["verified"]
    return found


def test_the_documented_verification_holds() -> None:
    """It takes what was sent, and nothing that was changed, is of another key, or is old."""
    verified, key = _documented(), Ed25519PrivateKey.generate()
    line = f"{openssh(key.public_key())} workspace"
    one = fold_incidents([opened()])[ID]
    telling = Telling("pager", "incident.opened", ID, one.seq, START)
    body = message(telling, one, "desk")
    now = datetime.fromtimestamp(time.time(), UTC)
    headers = signed_headers(telling.message_id, body, now, KeySigner(key))
    assert verified(line, headers, body)
    assert not verified(line, headers, body + b" ")
    assert not verified(line, {**headers, "webhook-id": "msg_other"}, body)
    assert not verified(line, {**headers, "webhook-signature": "v1a,AAAA v1,AAAA"}, body)
    assert not verified(openssh(Ed25519PrivateKey.generate().public_key()), headers, body)
    old = signed_headers(telling.message_id, body, START, KeySigner(key))
    assert not verified(line, old, body)
