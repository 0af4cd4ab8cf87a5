"""The independent mocks of the providers: llmock, aimock and llm-katan, as sessions start them."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.servers import PROOF, Server, absent, node_program, proof_program, started


@dataclass
class Llmock:
    """llmock: OpenAI, Google, Mistral, Together; faults, quotas, a journal, a verdict on retries."""

    server: Server

    @property
    def url(self) -> str:
        """Its address."""
        return self.server.url

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request to its control interface."""
        status, answer = self.server.ask(method, "/_llmock" + path, body)
        assert status < 300, (status, answer)
        return answer

    def play(self, *behaviors: dict[str, Any]) -> None:
        """What it will do next."""
        self.ask("POST", "/scenario", {"behaviors": list(behaviors)})

    def journal(self, *providers: str) -> list[dict[str, Any]]:
        """Every request that reached it, oldest first; only those of ``providers`` if any are named."""
        seen = self.ask("GET", "/requests")["requests"]
        return [one for one in seen if not providers or one["provider"] in providers]

    def findings(self) -> list[Any]:
        """What the referee has to say of our retries."""
        return list(self.ask("GET", "/verdict")["findings"])

    def reset(self) -> None:
        """Forget requests and plans."""
        self.ask("POST", "/reset")


@contextmanager
def running_llmock(log: Path, *options: str) -> Iterator[Llmock]:
    """The mock llmock with the given options of `llmock serve`."""
    command = [sys.executable, "-m", "llmock.cli", "serve", "-h", "127.0.0.1", "-p", "{port}"]
    with started(
        [*command, "--log-level", "warning", *options], log=log, ready="/_llmock/scenario"
    ) as server:
        yield Llmock(server)


@dataclass
class Aimock:
    """aimock: Azure, Bedrock's converse and the rest from fixtures, whose model echo a test sets."""

    server: Server

    @property
    def url(self) -> str:
        """Its address."""
        return self.server.url

    def journal(self) -> list[dict[str, Any]]:
        """Every request that reached it, oldest first."""
        status, answer = self.server.ask("GET", "/__aimock/journal")
        assert status == 200, answer
        return list(answer)

    def reset(self) -> None:
        """Forget requests and faults."""
        for method, path in (("POST", "/__aimock/reset/journal"), ("DELETE", "/__aimock/chaos")):
            status, answer = self.server.ask(method, path)
            assert status < 300, (status, answer)

    def chaos(self, **rates: float) -> None:
        """From now on fail this often: ``dropRate``, ``malformedRate``, ``disconnectRate``."""
        status, answer = self.server.ask("POST", "/__aimock/chaos", rates)
        assert status < 300, (status, answer)


@contextmanager
def running_aimock(folder: Path, fixtures: Sequence[dict[str, Any]], *options: str) -> Iterator[Aimock]:
    """The mock aimock with these fixtures; its files lie in ``folder``."""
    program = PROOF / "node_modules/@copilotkit/aimock/dist/cli.js"
    if not program.exists():
        absent("@copilotkit/aimock")
    (folder / "fixtures.json").write_text(json.dumps({"fixtures": list(fixtures)}))
    command = [node_program(), str(program), "-h", "127.0.0.1", "-p", "{port}", "--log-level", "warn"]
    command += ["-f", str(folder / "fixtures.json"), *options]
    with started(command, log=folder / "aimock.theirs", ready="/health") as server:
        yield Aimock(server)


@contextmanager
def running_katan(folder: Path, *options: str) -> Iterator[Server]:
    """llm-katan echoing, which refuses whoever does not show a key as its provider wants it."""
    command = [proof_program("llm-katan"), "--model", "echo-model", "--backend", "echo"]
    command += ["-h", "127.0.0.1", "-p", "{port}", "--log-level", "warning", "--disable-dashboard"]
    command += [
        "--providers",
        "openai,vertexai,bedrock,azure_openai",
        "--stats-file",
        str(folder / "stats.json"),
    ]
    with started([*command, *options], log=folder / "katan.theirs", ready="/health") as server:
        yield server
