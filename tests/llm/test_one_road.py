"""Only ``net`` speaks HTTP, only the adapters write requests for providers, and only one place sends them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import peak_console

PACKAGE = Path(peak_console.__file__).parent
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


def modules() -> list[Path]:
    """Every module of the package."""
    found = sorted(PACKAGE.rglob("*.py"))
    assert len(found) > 50
    return found


def name(path: Path) -> str:
    """A module's place in the package, with slashes."""
    return path.relative_to(PACKAGE).as_posix()


def imports(tree: ast.AST) -> Iterator[str]:
    """What a module imports, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def constants(tree: ast.Module) -> Iterator[str]:
    """Texts in a module's code, docstrings left out."""
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield node.value


def speaks_http(tree: ast.AST) -> set[str]:
    """The HTTP clients a module imports. ``aiohttp.web`` is a server."""
    return {
        one
        for one in imports(tree)
        if any(one == client or one.startswith(client + ".") for client in CLIENTS)
        and not one.startswith("aiohttp.web")
    }


def words_of_providers(tree: ast.Module) -> set[str]:
    """Words and addresses of the providers' wire formats in a module's code."""
    return {word for text in constants(tree) for word in SPEAKS | ADDRESSES if word in text}


def test_only_net_imports_an_http_client() -> None:
    """No module but the transport's imports one, at its top or anywhere else, the simulator included."""
    found = {name(path): speaks_http(ast.parse(path.read_text(encoding="utf-8"))) for path in modules()}
    speaking = {place: clients for place, clients in found.items() if clients}
    assert set(speaking) == {"net/http.py", "net/lean_httpx.py"}, speaking
    handed_on = {
        name(path)
        for path in modules()
        if any("lean_httpx" in one for one in imports(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert handed_on == {"net/http.py"}


def test_only_adapters_write_requests_for_providers() -> None:
    """No module but ``llm/providers`` holds a provider's address or the words of its requests.

    The simulator answers in those words, which is its purpose; it sends nothing.
    """
    found = {
        name(path): words_of_providers(ast.parse(path.read_text(encoding="utf-8")))
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
        if any(one.startswith("peak_console.net.http") for one in imports(ast.parse(path.read_text())))
    }
    road = {"llm/client.py", "llm/exchange.py", "llm/streamed.py", "llm/unattended/background.py"}
    others = {"incidents/delivery.py", "node/hookchild.py", "shadow/sources.py"}
    assert holders <= road | others | {"llm/checks/probing.py"}
    for path in (PACKAGE / one for one in sorted(others)):
        of_road = [one for one in imports(ast.parse(path.read_text())) if one.startswith("peak_console.llm")]
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
        for one in imports(ast.parse(path.read_text())):
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
    assert speaks_http(ast.parse(source))


def test_the_scan_finds_a_request_written_elsewhere() -> None:
    """A planted address or body of a provider is found; a docstring about one is not."""
    assert words_of_providers(ast.parse('URL = f"https://api.openai.com/v1/{path}"'))
    assert words_of_providers(ast.parse('body = {"generationConfig": {}}'))
    assert not words_of_providers(ast.parse('"""About generationConfig."""'))
