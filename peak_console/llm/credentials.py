"""Keys and addresses from the environment. A key leaves this module only inside a request's headers."""

from collections.abc import Iterable, Mapping

from peak_console.llm.providers.adapters import ADAPTERS, Adapter, base_url_variable
from peak_console.net.messages import REDACTED

SIMULATED_KEY = "simulated"
"""What a simulated workspace sends in a key's place: it takes no real one."""

_SHORTEST_STRUCK = 6


class Credentials:
    """The providers' keys and addresses in ``environ``; neither ``repr`` nor errors show them."""

    def __init__(self, environ: Mapping[str, str], adapters: Iterable[Adapter] | None = None) -> None:
        self._environ = environ
        self._adapters = tuple(ADAPTERS.values()) if adapters is None else tuple(adapters)

    def __repr__(self) -> str:
        return "<Credentials>"

    def base_urls(self) -> dict[str, str]:
        """Addresses set by ``PEAK_PROVIDER_<NAME>_BASE_URL``, by provider."""
        named = ((one.provider, base_url_variable(one.provider)) for one in self._adapters)
        found = ((provider, self._environ.get(variable, "").strip()) for provider, variable in named)
        return {provider: url for provider, url in found if url}

    def providers(self) -> frozenset[str]:
        """The providers for which a usable key is set."""
        return frozenset(one.provider for one in self._adapters if self._key(one) is not None)

    def real(self) -> frozenset[str]:
        """The providers whose variable holds anything but the placeholder: only whether, never what."""
        held = ((one.provider, self._environ.get(one.key_variable, "").strip()) for one in self._adapters)
        return frozenset(provider for provider, value in held if value not in {"", SIMULATED_KEY})

    def headers(self, adapter: Adapter, *, simulated: bool) -> dict[str, str] | None:
        """The headers that carry the provider's key; ``None`` when there is none."""
        key = SIMULATED_KEY if simulated else self._key(adapter)
        return None if key is None else {adapter.key_header: adapter.key_prefix + key}

    def struck(self, text: str, headers: Mapping[str, str], adapter: Adapter) -> str:
        """Foreign text with the key of ``headers`` struck out: providers quote it in their errors."""
        key = headers.get(adapter.key_header, "").removeprefix(adapter.key_prefix)
        return text.replace(key, REDACTED) if len(key) >= _SHORTEST_STRUCK and key != SIMULATED_KEY else text

    def _key(self, adapter: Adapter) -> str | None:
        """The key, if it is one: a value that cannot stand in a header is as good as none."""
        key = self._environ.get(adapter.key_variable, "").strip()
        return key if key and key.isascii() and key.isprintable() and " " not in key else None
