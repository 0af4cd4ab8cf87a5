"""Only ``net`` speaks HTTP, only the adapters write requests for providers, and only one place sends them."""

from pathlib import Path

import pytest
from support.own_code import PACKAGE, Code, code, modules, read

CLIENTS = {
    "httpx",
    "httpx_aiohttp",
    "aiohttp",
    "requests",
    "urllib3",
    "http.client",
    "urllib.request",
    "httpcore",
}
SPEAKS = {"chat/completions", "generateContent", "/responses", "max_completion_tokens", "generationConfig"}
ADDRESSES = {"api.openai.com", "generativelanguage.googleapis.com", "api.mistral.ai", "api.together"}


def name(path: Path) -> str:
    """A module's place in the package, with slashes."""
    return path.relative_to(PACKAGE).as_posix()


def speaks_http(module: Code) -> set[str]:
    """The HTTP clients a module imports. ``aiohttp.web`` is a server."""
    return {
        one
        for one in module.imports
        if any(one == client or one.startswith(client + ".") for client in CLIENTS)
        and not one.startswith("aiohttp.web")
    }


def words_of_providers(module: Code) -> set[str]:
    """Words and addresses of the providers' wire formats in a module's code, docstrings left out."""
    return {word for text in module.texts for word in SPEAKS | ADDRESSES if word in text}


def test_only_net_imports_an_http_client() -> None:
    """No module but the transport's imports one, at its top or anywhere else, the simulator included."""
    found = {name(path): speaks_http(code(path)) for path in modules()}
    speaking = {place: clients for place, clients in found.items() if clients}
    assert set(speaking) == {"net/http.py", "net/lean_httpx.py"}, speaking
    handed_on = {name(path) for path in modules() if any("lean_httpx" in one for one in code(path).imports)}
    assert handed_on == {"net/http.py"}


def test_only_adapters_write_requests_for_providers() -> None:
    """No module but ``llm/providers`` holds a provider's address or the words of its requests.

    The simulator answers in those words, which is its purpose; it sends nothing.
    """
    found = {
        name(path): words_of_providers(code(path))
        for path in modules()
        if not name(path).startswith(("llm/providers/", "simulator/"))
    }
    assert not {place: words for place, words in found.items() if words}


def test_only_the_road_holds_the_transport_and_asks_it_to_send() -> None:
    """The client makes it, exchanges, streams and background work use it; probing asks for free lists.

    Hooks tell of incidents with it, and market data is fetched; both know nothing of models or of the road.
    """
    holders = {
        name(path)
        for path in modules()
        if any(one.startswith("peak_console.net.http") for one in code(path).imports)
    }
    road = {"llm/client.py", "llm/exchange.py", "llm/streamed.py", "llm/unattended/background.py"}
    others = {"incidents/delivery.py", "node/hookchild.py", "shadow/sources.py"}
    assert holders <= road | others | {"llm/checks/probing.py"}
    for path in (PACKAGE / one for one in sorted(others)):
        of_road = [one for one in code(path).imports if one.startswith("peak_console.llm")]
        assert not of_road, path


def test_adapters_are_pure() -> None:
    """An adapter imports no room that does input or output, and no clock."""
    allowed = (
        "peak_console.domain",
        "peak_console.llm.providers",
        "peak_console.net.messages",
        "peak_console.net.decoding",
    )
    for path in sorted((PACKAGE / "llm" / "providers").glob("*.py")):
        for one in code(path).imports:
            ours = one.startswith("peak_console")
            assert not ours or one.startswith(allowed), (path.name, one)
            assert one.split(".")[0] not in {"asyncio", "io", "os", "random", "socket", "time", "pathlib"}


@pytest.mark.parametrize(
    "source",
    [
        "import httpx",
        "import aiohttp",
        "from aiohttp import ClientSession",
        "def f():\n    from http import client",
        "import urllib.request as r",
    ],
)
def test_the_scan_finds_a_second_road(source: str) -> None:
    """A planted import of an HTTP client is found, wherever it hides."""
    assert speaks_http(read(source))


def test_the_scan_finds_a_request_written_elsewhere() -> None:
    """A planted address or body of a provider is found; a docstring about one is not."""
    assert words_of_providers(read('URL = f"https://api.openai.com/v1/{path}"'))
    assert words_of_providers(read('body = {"generationConfig": {}}'))
    assert not words_of_providers(read('"""About generationConfig."""'))
