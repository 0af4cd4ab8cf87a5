"""The free lists of models that providers keep: what to ask for, and what the answer says. Pure.

Sources: https://platform.openai.com/docs/api-reference/models, https://ai.google.dev/api/models,
https://docs.mistral.ai/api/#tag/models, https://docs.together.ai/reference/models-1,
https://learn.microsoft.com/azure/ai-foundry/openai/latest (models), and the service model of Bedrock's
control plane (ListFoundationModels, ListInferenceProfiles). None of them takes a prompt or bills anything.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

import orjson

from peak_console.domain.text import one_line
from peak_console.llm.providers.wire import JSON_HEADERS, Malformed, a_list, a_text, an_object, maybe_text
from peak_console.net.messages import HttpRequest

MOST_MODELS: Final = 20_000
"""A longer list is no list of models."""

_LONGEST_NAME: Final = 512
_HEADERS: Final = {name: value for name, value in JSON_HEADERS.items() if name != "content-type"}
_RUNTIME: Final = re.compile(r"bedrock-runtime((?:-fips)?)\.([a-z]{2,4}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2})\.")
_SECONDS: Final = range(946_684_800, 4_102_444_800)
"""The years 2000 to 2099 in seconds: another number is no day in any unit that is documented."""


@dataclass(frozen=True, slots=True)
class ListedModel:
    """One model of a provider's list."""

    name: str
    ends: date | None = None
    """The day on which the provider says that it ends."""
    retiring: bool = False
    """Whether the provider calls it deprecated or legacy."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; ``token`` asks for the next."""

    models: tuple[ListedModel, ...]
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """One list of a provider: how a page is asked for (``None`` = the first) and read.

    ``read`` raises ``Malformed`` for whatever is not of the documented form.
    """

    what: str
    request: Callable[[str | None], HttpRequest]
    read: Callable[[bytes], Page]
    tells_ends: bool = False
    """Whether its entries have a place for the day on which a model ends."""


def listings(provider: str, base_url: str) -> tuple[Listing, ...]:
    """The lists of a provider at an address; none for a provider without adapters."""
    make = _LISTINGS.get(provider)
    return make(base_url.rstrip("/")) if make else ()


def region_of(url: str) -> str | None:
    """The region in the host of a Bedrock runtime address."""
    try:
        found = _RUNTIME.match(urlsplit(url).hostname or "")
    except ValueError:
        return None
    return found[2] if found else None


def control_plane(base_url: str) -> str:
    """Bedrock's control plane beside a runtime address; any other address serves both."""
    try:
        parts = urlsplit(base_url)
    except ValueError:
        return base_url
    host = _RUNTIME.sub(r"bedrock\1.\2.", parts.netloc, count=1)
    if host == parts.netloc:
        return base_url
    return urlunsplit((parts.scheme, host, "", "", ""))


def _get(url: str, query: Mapping[str, str | None]) -> HttpRequest:
    asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items() if value)
    return HttpRequest(f"{url}?{asked}" if asked else url, b"", _HEADERS, "GET")


def _openai(base: str) -> tuple[Listing, ...]:
    url = f"{base}/models"
    return (Listing("models", lambda _: _get(url, {}), _read_openai, tells_ends=True),)


def _read_openai(body: bytes) -> Page:
    entries = a_list(_root(body).get("data"), "$.data")
    return Page(
        tuple(
            ListedModel(_name(one, "id", path), _day(one.get("shutdown_date"), f"{path}.shutdown_date"))
            for path, one in _each(entries, "$.data")
        )
    )


def _google(base: str) -> tuple[Listing, ...]:
    url = f"{base}/models"

    def request(token: str | None) -> HttpRequest:
        return _get(url, {"pageSize": "1000", "pageToken": token})

    return (Listing("models", request, _read_google),)


def _read_google(body: bytes) -> Page:
    root = _root(body)
    entries = a_list(root.get("models", []), "$.models")
    names = (_name(one, "name", path) for path, one in _each(entries, "$.models"))
    return Page(
        tuple(ListedModel(name.removeprefix("models/")) for name in names), _token(root, "nextPageToken")
    )


def _mistral(base: str) -> tuple[Listing, ...]:
    url = f"{base}/models"
    return (Listing("models", lambda _: _get(url, {}), _read_mistral, tells_ends=True),)


def _read_mistral(body: bytes) -> Page:
    found: list[ListedModel] = []
    for path, one in _each(a_list(_root(body).get("data"), "$.data"), "$.data"):
        ends = _day(one.get("deprecation"), f"{path}.deprecation")
        names = [_name(one, "id", path)]
        names += [
            a_text(alias, f"{path}.aliases") for alias in a_list(one.get("aliases") or [], f"{path}.aliases")
        ]
        found += [ListedModel(_short(name, path), ends) for name in names]
    return Page(tuple(found))


def _together(base: str) -> tuple[Listing, ...]:
    url = f"{base}/models"
    return (Listing("models", lambda _: _get(url, {}), _read_together),)


def _read_together(body: bytes) -> Page:
    """A bare list; proxies wrap it as OpenAI does."""
    value = _json(body)
    entries = a_list(value.get("data"), "$.data") if isinstance(value, dict) else a_list(value, "$")
    return Page(tuple(ListedModel(_name(one, "id", path)) for path, one in _each(entries, "$")))


def _azure(base: str) -> tuple[Listing, ...]:
    url = f"{base.removesuffix('/v1').removesuffix('/openai').rstrip('/')}/openai/v1/models"
    return (Listing("base models", lambda _: _get(url, {}), _read_azure, tells_ends=True),)


def _read_azure(body: bytes) -> Page:
    """Base models that may be deployed. Their names end in a version: ``gpt-5-mini-2025-08-07``."""
    found = []
    for path, one in _each(a_list(_root(body).get("data"), "$.data"), "$.data"):
        dates = an_object(one.get("deprecation") or {}, f"{path}.deprecation")
        status = maybe_text(one.get("lifecycle_status"), f"{path}.lifecycle_status") or ""
        ends = _day(dates.get("inference"), f"{path}.deprecation.inference")
        found.append(
            ListedModel(_name(one, "id", path), ends, status.lower() in {"deprecating", "deprecated"})
        )
    return Page(tuple(found))


def _bedrock(base: str) -> tuple[Listing, ...]:
    root = control_plane(base)

    def profiles(token: str | None) -> HttpRequest:
        return _get(f"{root}/inference-profiles", {"maxResults": "1000", "nextToken": token})

    return (
        Listing(
            "foundation models",
            lambda _: _get(f"{root}/foundation-models", {}),
            _read_foundation_models,
            tells_ends=True,
        ),
        Listing("inference profiles", profiles, _read_profiles),
    )


def _read_foundation_models(body: bytes) -> Page:
    found = []
    for path, one in _each(a_list(_root(body).get("modelSummaries"), "$.modelSummaries"), "$.modelSummaries"):
        life = an_object(one.get("modelLifecycle") or {}, f"{path}.modelLifecycle")
        status = maybe_text(life.get("status"), f"{path}.modelLifecycle.status")
        ends = _day(life.get("endOfLifeTime"), f"{path}.modelLifecycle.endOfLifeTime")
        found.append(ListedModel(_name(one, "modelId", path), ends, status == "LEGACY"))
    return Page(tuple(found))


def _read_profiles(body: bytes) -> Page:
    root = _root(body)
    key = "inferenceProfileSummaries"
    found: list[ListedModel] = []
    for path, one in _each(a_list(root.get(key), f"$.{key}"), f"$.{key}"):
        found.append(ListedModel(_name(one, "inferenceProfileId", path)))
        found.append(ListedModel(_name(one, "inferenceProfileArn", path)))
    return Page(tuple(found), _token(root, "nextToken"))


_LISTINGS: Final[Mapping[str, Callable[[str], tuple[Listing, ...]]]] = {
    "openai": _openai,
    "google": _google,
    "mistral": _mistral,
    "together": _together,
    "azure": _azure,
    "bedrock": _bedrock,
}


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed("$", f"not JSON ({one_line(str(error), 80)})") from None


def _root(body: bytes) -> dict[str, Any]:
    return an_object(_json(body), "$")


def _each(entries: list[Any], path: str) -> list[tuple[str, dict[str, Any]]]:
    if len(entries) > MOST_MODELS:
        raise Malformed(path, f"more than {MOST_MODELS} entries")
    return [(f"{path}[{place}]", an_object(one, f"{path}[{place}]")) for place, one in enumerate(entries)]


def _name(entry: Mapping[str, Any], key: str, path: str) -> str:
    return _short(a_text(entry.get(key), f"{path}.{key}"), path)


def _short(name: str, path: str) -> str:
    if not name or len(name) > _LONGEST_NAME:
        raise Malformed(path, "a name was expected")
    return name


def _token(root: Mapping[str, Any], key: str) -> str | None:
    token = maybe_text(root.get(key), f"$.{key}")
    if token is not None and not (token.isascii() and token.isprintable() and len(token) <= 4096):  # noqa: PLR2004 - room for any page token
        raise Malformed(f"$.{key}", "a page token was expected")
    return token or None


def _day(value: Any, path: str) -> date | None:
    """A day: ISO 8601 text, or seconds since 1970. Absent, null, zero and empty say nothing."""
    if value is None or value in ("", 0):
        return None
    if type(value) in {int, float} and _SECONDS.start <= value < _SECONDS.stop:
        return datetime.fromtimestamp(int(value), UTC).date()
    if isinstance(value, str):
        try:
            return date.fromisoformat(value[:10])
        except ValueError:
            pass
    raise Malformed(path, "a day was expected")
