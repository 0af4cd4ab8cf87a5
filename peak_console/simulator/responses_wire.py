"""OpenAI's Responses interface: requests read, answers written, background work told. Errors are chat's."""

from typing import Any, Final

import orjson

from peak_console.simulator.exchange import Ask, Rejected, Reply, Trouble, Written

_DEFAULT_OUTPUT: Final = 65_536
_SEARCH_TYPES: Final = ("web_search", "web_search_preview")
_MOST_SEARCHES: Final = 5


def read(provider: str, root: dict[str, Any], sent_bytes: int) -> Ask:
    """The ask in a request's body; raises ``Rejected`` as the provider would."""
    model = root.get("model")
    if not isinstance(model, str) or not model:
        raise Rejected(Trouble.BAD_REQUEST, "Missing required parameter: 'model'.", "model")
    given = root.get("input")
    if not isinstance(given, str | list) or not given:
        raise Rejected(Trouble.BAD_REQUEST, "Missing required parameter: 'input'.", "input")
    limit = root.get("max_output_tokens") or _DEFAULT_OUTPUT
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 16:  # noqa: PLR2004 - the provider's least
        raise Rejected(Trouble.BAD_REQUEST, "Invalid 'max_output_tokens': below minimum", "max_output_tokens")
    background = root.get("background") is True
    if background and root.get("store") is False:
        raise Rejected(Trouble.BAD_REQUEST, "Background mode requires store to be true.", "store")
    searches = any(
        isinstance(one, dict) and one.get("type") in _SEARCH_TYPES for one in root.get("tools") or ()
    )
    most = root.get("max_tool_calls")
    temperature = root.get("temperature")
    return Ask(
        provider=provider,
        model=model,
        system=root["instructions"] if isinstance(root.get("instructions"), str) else "",
        prompt=given if isinstance(given, str) else "\n".join(_item(item) for item in given),
        sent_bytes=sent_bytes,
        max_output_tokens=limit,
        schema=_schema(root.get("text")),
        temperature=float(temperature) if isinstance(temperature, int | float) else None,
        stream=root.get("stream") is True,
        background=background,
        searches=min(most if isinstance(most, int) else _MOST_SEARCHES, _MOST_SEARCHES) if searches else 0,
        responses=True,
    )


def answer(written: Written, status: str = "") -> dict[str, Any]:
    """The response object; ``status`` instead of its own while it is not done, then without output."""
    done = status in {"", "completed", "incomplete"}
    own = "incomplete" if written.cut or written.filtered else "completed"
    body: dict[str, Any] = {
        "id": f"resp_sim{written.serial:010d}",
        "object": "response",
        "created_at": written.created,
        "status": status or own,
        "background": bool(status),
        "error": None,
        "incomplete_details": None,
        "model": written.served_as,
        "output": _output(written) if done else [],
        "usage": _usage(written) if done else None,
    }
    if done and own == "incomplete":
        body["status"] = own
        body["incomplete_details"] = {"reason": "content_filter" if written.filtered else "max_output_tokens"}
    return body


def reply(body: dict[str, Any], status: int = 200) -> Reply:
    """The response object as a reply."""
    return Reply(status, orjson.dumps(body))


def _output(written: Written) -> list[dict[str, Any]]:
    serial = f"sim{written.serial:010d}"
    items: list[dict[str, Any]] = [{"type": "reasoning", "id": f"rs_{serial}", "summary": []}]
    items += [
        {
            "type": "web_search_call",
            "id": f"ws_{serial}_{place}",
            "status": "completed",
            "action": {"type": "search", "query": "market data"},
        }
        for place in range(written.searches)
    ]
    if written.filtered:
        return items
    part: dict[str, Any] = {"type": "output_text", "text": written.text, "annotations": []}
    if written.refused:
        part = {"type": "refusal", "refusal": written.text}
    message = {"type": "message", "id": f"msg_{serial}", "role": "assistant", "status": "completed"}
    return [*items, {**message, "content": [part]}]


def _usage(written: Written) -> dict[str, Any]:
    return {
        "input_tokens": written.input_tokens,
        "input_tokens_details": {"cached_tokens": written.cached_tokens},
        "output_tokens": written.output_tokens,
        "output_tokens_details": {"reasoning_tokens": written.reasoning_tokens},
        "total_tokens": written.input_tokens + written.output_tokens,
    }


def _item(item: Any) -> str:
    if not isinstance(item, dict):
        return ""
    content = item.get("content", item.get("output", ""))
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""


def _schema(text: Any) -> dict[str, Any] | None:
    form = text.get("format") if isinstance(text, dict) else None
    if not isinstance(form, dict) or form.get("type") != "json_schema":
        return None
    schema = form.get("schema")
    if not isinstance(schema, dict) or not isinstance(form.get("name"), str):
        raise Rejected(Trouble.BAD_REQUEST, "Missing required parameter: 'text.format.name'.", "text.format")
    return schema
