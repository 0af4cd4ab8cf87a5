"""A run's texts, found by their hashes, and what follows from them: a request's hash and size."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from peak_console.domain.canonical import NotCanonical, sha256_hex
from peak_console.domain.events import LedgerEvent
from peak_console.llm.router import request_hash
from peak_console.llm.texts import SEGMENT
from peak_console.operations.replaying.configs import Known
from peak_console.operations.replaying.report import Decision, Findings
from peak_console.operations.views.body_fields import listed, mapping, text_of, whole

_LONGEST_LINE: Final = 64 * 1024**2
GONE: Final = "its text is gone: dropped by retention, or never kept"


def texts_of(folder: Path) -> dict[str, str]:
    """The texts of a run that still have the hash they are kept under; none where the segment is gone."""
    found: dict[str, str] = {}
    try:
        with (folder / SEGMENT).open("rb") as file:
            while raw := file.readline(_LONGEST_LINE):
                sha256, text = _line(raw)
                if text is not None and sha256_hex(text.encode("utf-8", "surrogatepass")) == sha256:
                    found[sha256] = text
    except OSError:
        return found
    return found


def replay_request(event: LedgerEvent, texts: Mapping[str, str], known: Known, found: Findings) -> None:
    """Judge the hash of a request again, and that its bound was taken of its size."""
    body = event.body or {}
    text = texts.get(str(body.get("request_text_sha256")))
    if text is None:
        found.skip(Decision.REQUEST_HASH, event, GONE)
        return
    recorded = text_of(body.get("request_hash")) or ""
    names = [event.model_id or "", *_deployments(event, known)]
    again = [_hash(name, text) for name in names]
    replayed = recorded if recorded in again else again[0]
    if replayed != recorded and known.configs is None:
        found.skip(Decision.REQUEST_HASH, event, known.why)
        return
    found.same(Decision.REQUEST_HASH, event, "request_hash", recorded, replayed)
    tokens, output = whole(body.get("bound_tokens")), whole(body.get("max_output_tokens"))
    if tokens is not None and output is not None and known.configs is not None:
        expected = len(text.encode("utf-8", "surrogatepass")) + _hosted_tokens(event, known)
        found.same(Decision.BOUND, event, "input it was bound by", tokens - output, expected)


def answer_text(event: LedgerEvent, texts: Mapping[str, str]) -> str | None:
    """What an answer said, as its caller had it; ``None`` where the text is gone."""
    body = event.body or {}
    text = texts.get(str(body.get("answer_text_sha256")))
    if text is None or not body.get("tool_calls"):
        return "" if text is not None and body.get("refusal") is True else text
    try:
        return str(mapping(json.loads(text)).get("text", ""))
    except ValueError:
        return None


def answer_arguments(event: LedgerEvent, texts: Mapping[str, str]) -> list[Any]:
    """What an answer handed to the tools it asked for; nothing where the text is gone."""
    body = event.body or {}
    text = texts.get(str(body.get("answer_text_sha256")))
    if text is None or not body.get("tool_calls"):
        return []
    try:
        return [mapping(one).get("arguments") for one in listed(mapping(json.loads(text)).get("tool_calls"))]
    except ValueError:
        return []


def _line(raw: bytes) -> tuple[str, str | None]:
    try:
        line: Any = json.loads(raw)
    except ValueError:
        return "", None
    text = mapping(line).get("text")
    return str(mapping(line).get("sha256")), text if isinstance(text, str) else None


def _hash(model_id: str, text: str) -> str:
    try:
        return request_hash(model_id, text.encode("utf-8", "surrogatepass"), canonical_body=False)
    except (ValueError, NotCanonical):
        return "cannot be made"


def _deployments(event: LedgerEvent, known: Known) -> tuple[str, ...]:
    """The names under which the model may have been called."""
    if known.configs is None:
        return ()
    model = known.configs.models.find(event.provider or "", event.model_id or "")
    return model.deployments if model else ()


def _hosted_tokens(event: LedgerEvent, known: Known) -> int:
    model = known.configs.models.find(event.provider or "", event.model_id or "") if known.configs else None
    hosted = mapping((event.body or {}).get("hosted"))
    rules = (
        [(model.hosted_tool(str(name)), whole(most) or 0) for name, most in hosted.items()] if model else []
    )
    return sum(most * rule.max_input_tokens for rule, most in rules if rule is not None)
