"""Keys and addresses from the environment. A key leaves this module only inside a request's headers."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from peak_console.domain.jobs import KEY_FILE_VARIABLE
from peak_console.llm.providers.adapters import (
    ACCESS_KEY_VARIABLES,
    ADAPTERS,
    Adapter,
    base_url_variable,
    filled_in,
    placeholders,
)
from peak_console.llm.providers.sigv4 import AccessKeys, signature
from peak_console.llm.striking import Secrets
from peak_console.net.messages import HttpRequest

SIMULATED_KEY = "simulated"
"""What a simulated workspace sends in a key's place: it takes no real one."""

REGION_VARIABLES: Final = ("AWS_REGION", "AWS_DEFAULT_REGION")

_SERVICE: Final = "bedrock"
_REGION: Final = re.compile(r"[a-z]{2,4}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}")
_HOST_REGION: Final = re.compile(
    rf"bedrock(?:-runtime)?(?:-fips)?\.({_REGION.pattern})\.amazonaws\.com(?:\.cn)?"
)
_SIGNED_ID: Final = re.compile(r"Credential=([^/,\s]+)")


class Credentials:
    """The providers' keys and addresses in ``environ``; neither ``repr`` nor errors show them."""

    def __init__(self, environ: Mapping[str, str], adapters: Iterable[Adapter] | None = None) -> None:
        self._environ = environ
        self._adapters = tuple(ADAPTERS.values()) if adapters is None else tuple(adapters)
        self._variables = tuple(dict.fromkeys(name for one in self._adapters for name in _variables(one)))

    def __repr__(self) -> str:
        return "<Credentials>"

    @property
    def key_file(self) -> str:
        """The file that keys of jobs are written into; empty outside of a job."""
        return self._environ.get(KEY_FILE_VARIABLE, "")

    def base_urls(self) -> dict[str, str]:
        """Addresses set by ``PEAK_PROVIDER_<NAME>_BASE_URL``, by provider."""
        named = ((one.provider, base_url_variable(one.provider)) for one in self._adapters)
        found = ((provider, self._environ.get(variable, "").strip()) for provider, variable in named)
        return {provider: url for provider, url in found if url}

    def address(self, adapter: Adapter) -> str | None:
        """The adapter's own address, with what the environment tells of it (an Azure endpoint, a region).

        ``None`` where the environment does not tell it, or tells what is no region.
        """
        wanted = placeholders(adapter.base_url)
        told = {name: value for name in wanted if (value := self._told(name)) is not None}
        return filled_in(adapter.base_url, told) if told.keys() == set(wanted) else None

    def addresses(self) -> dict[str, str]:
        """By provider, the addresses of which the environment tells a part."""
        parted = (one for one in self._adapters if placeholders(one.base_url))
        return {one.provider: url for one in parted if (url := self.address(one)) is not None}

    def providers(self) -> frozenset[str]:
        """The providers for which a usable key, or AWS access keys, are set."""
        return frozenset(one.provider for one in self._adapters if self._key(one) or self._access_keys(one))

    def signing_only(self) -> frozenset[str]:
        """The providers with AWS access keys and no key: only adapters that sign may be asked."""
        return self.providers() - {one.provider for one in self._adapters if self._key(one)}

    def real(self) -> frozenset[str]:
        """The providers whose variables hold anything but the placeholder: only whether, never what."""
        return frozenset(
            one.provider
            for one in self._adapters
            for variable in _variables(one)
            if self._environ.get(variable, "").strip() not in {"", SIMULATED_KEY}
        )

    def authorised(
        self, adapter: Adapter, request: HttpRequest, *, simulated: bool, now: datetime
    ) -> HttpRequest | None:
        """``request`` with the provider's key, or signed with AWS access keys; ``None`` without either.

        A signature holds for minutes around ``now``: ask again before each attempt.
        """
        key = SIMULATED_KEY if simulated else self._key(adapter)
        if key is not None:
            return request.with_headers({adapter.key_header: adapter.key_prefix + key})
        keys = self._access_keys(adapter)
        region = _region_in(request.url) or self._told("AWS_REGION")
        if keys is None or region is None:
            return None
        return request.with_headers(signature(request, keys, region=region, service=_SERVICE, now=now))

    def struck(self, text: str, sent: HttpRequest, adapter: Adapter) -> str:
        """Foreign text with every secret of ``sent`` and every key we hold struck out: errors quote them."""
        return Secrets(self.secrets(sent, adapter)).struck(text)

    def secrets(self, sent: HttpRequest, adapter: Adapter) -> set[str]:
        """What must not be kept of an answer to ``sent``: every secret of it, and every key we hold."""
        return {one for one in self._secrets(sent, adapter) if one and one != SIMULATED_KEY}

    def _secrets(self, sent: HttpRequest, adapter: Adapter) -> Iterator[str]:
        held = sent.headers.get(adapter.key_header, "")
        yield held
        yield held.removeprefix(adapter.key_prefix)
        if (token := sent.headers.get("x-amz-security-token")) is not None:
            yield token
        if (signed_by := _SIGNED_ID.search(sent.headers.get("authorization", ""))) is not None:
            yield signed_by[1]
            yield held.rpartition("Signature=")[2]
        if held == adapter.key_prefix + SIMULATED_KEY:
            return  # a simulation reads no key
        for variable in self._variables:  # a gateway in between may quote what it got with another call
            yield self._held(variable) or ""

    def _key(self, adapter: Adapter) -> str | None:
        return self._held(adapter.key_variable)

    def _access_keys(self, adapter: Adapter) -> AccessKeys | None:
        if not adapter.signs:
            return None
        key_id, secret, token = (self._held(variable) for variable in ACCESS_KEY_VARIABLES)
        return AccessKeys(key_id, secret, token) if key_id and secret else None

    def _held(self, variable: str) -> str | None:
        """A key, if it is one: a value that cannot stand in a header is as good as none."""
        key = self._environ.get(variable, "").strip()
        return key if key and key.isascii() and key.isprintable() and " " not in key else None

    def _told(self, variable: str) -> str | None:
        """A part of an address: a region by any of its variables, an endpoint without its ending."""
        if variable in REGION_VARIABLES:
            values = (self._environ.get(name, "").strip() for name in REGION_VARIABLES)
            region = next((value for value in values if value), "")
            return region if _REGION.fullmatch(region) else None
        return self._environ.get(variable, "").strip().rstrip("/") or None


def _variables(adapter: Adapter) -> tuple[str, ...]:
    return (adapter.key_variable, *(ACCESS_KEY_VARIABLES if adapter.signs else ()))


def _region_in(url: str) -> str | None:
    """The region a Bedrock address names, for a signature is valid in its own region only."""
    found = _HOST_REGION.fullmatch(urlsplit(url).hostname or "")
    return found[1] if found else None
