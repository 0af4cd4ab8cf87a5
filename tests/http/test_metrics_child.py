"""The child that serves ``/metrics``, as a monitor meets it: over a real ledger, read by a real parser."""

import http.client
import json
import signal
import socket
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families
from support.children import Child, child, eventually
from support.composed import RUN, SLOT, Composer, bare_workspace, composing

from peak_console.config.workspace import Workspace
from peak_console.domain.events import EventKind

MODULE = "peak_console.http"
CONTRACT = {
    "llm_calls_total": {"layer", "role", "provider", "model_id"},
    "llm_call_errors_total": {"layer", "role", "provider", "model_id", "reason"},
    "llm_tokens_total": {"layer", "role", "provider", "model_id", "type"},
    "llm_cost_eur_total": {"layer", "role", "provider", "model_id"},
    "llm_fallbacks_total": {"layer", "role", "provider", "model_id"},
    "llm_call_duration_seconds_bucket": {"layer", "role", "provider", "model_id", "le"},
    "llm_call_duration_seconds_count": {"layer", "role", "provider", "model_id"},
    "llm_call_duration_seconds_sum": {"layer", "role", "provider", "model_id"},
    "critic_verdicts_total": {"layer", "verdict"},
    "policy_denials_total": {"rule"},
    "control_posture": {"state"},
    "ledger_events_total": set(),
}
CRITIC = ("L4", "primary", "google", "gemini-2.5-pro")
STOOD_IN = ("L2", "fallback", "google", "gemini-2.5-flash")

Series = tuple[str, frozenset[tuple[str, str]]]


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """A workspace without a ledger."""
    return bare_workspace(tmp_path / "ws")


def ask(
    serving: Child, path: str = "/metrics", method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, str, http.client.HTTPMessage]:
    """One request on a connection of its own: status, text, headers."""
    port = urlsplit(serving.first["url"]).port
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read().decode(), response.headers


def figures(text: str) -> dict[Series, float]:
    """Every sample of an exposition, by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def at(name: str, slot: tuple[str, str, str, str] | None = None, **labels: str) -> Series:
    """The key of one sample."""
    named = dict(zip(("layer", "role", "provider", "model_id"), slot, strict=True)) if slot else {}
    return name, frozenset({**named, **labels}.items())


def compose(ledger: Composer) -> None:
    """Some of everything that is counted."""
    ledger.call(latency_us=40_000)
    ledger.call(latency_us=900_000)
    ledger.call(latency_us=700_000_000, cost_eur="0.123456789")
    ledger.failure()
    ledger.failure(reason="caller_lost", attempts=[])
    left, taken = ({"provider": slot[2], "model_id": slot[3]} for slot in (SLOT, STOOD_IN))
    stood_in = ledger.requested(STOOD_IN)
    ledger.event(
        EventKind.FALLBACK_TAKEN,
        {"from": left, "to": taken, "hop": 1},
        layer="L2",
        role="fallback",
        run_id=RUN,
        call_id=stood_in,
    )
    ledger.append(ledger.completed(STOOD_IN, stood_in))
    ledger.event(
        EventKind.CALL_REFUSED, {"reason": "posture", "message": "stopped"}, layer="L0", role="primary"
    )
    for verdict in ("PASS", "PASS", "FAIL"):
        ledger.event(EventKind.CRITIC_JUDGED, {"verdict": verdict}, layer="L2", role="critic")
    for where in ("client", "echo"):
        ledger.event(EventKind.POLICY_DENIED, {"rule": "forbidden_model", "where": where})
    ledger.requested(CRITIC)


def test_figures_equal_what_was_appended(ws: Workspace) -> None:
    """Each counter is the ledger's own, to the unit; the names and labels are the contract's."""
    with composing(ws) as ledger:
        compose(ledger)
        seq, _ = ledger.writer.head
        with child(MODULE, ws.root) as serving:
            status, text, headers = ask(serving)
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = figures(text)
    labels = {name: {label for label, _ in found_labels} for name, found_labels in found}
    assert {name: labels.get(name) for name in CONTRACT} == CONTRACT
    assert found[at("llm_calls_total", SLOT)] == 5, "three answers, a timeout, a lost one at its bound"
    assert found[at("llm_calls_total", STOOD_IN)] == 1
    assert found[at("llm_call_errors_total", SLOT, reason="timeout")] == 1
    assert found[at("llm_call_errors_total", SLOT, reason="caller_lost")] == 1
    assert found[at("llm_call_refusals_total", ("L0", "primary", "", ""), reason="posture")] == 1
    assert found[at("llm_fallbacks_total", STOOD_IN)] == 1
    assert found[at("llm_cost_eur_total", SLOT)] == pytest.approx(0.125456789, abs=1e-12)
    tokens = {
        kind: found[at("llm_tokens_total", SLOT, type=kind)]
        for kind in ("input", "output", "cached", "reasoning")
    }
    assert tokens == {"input": 300, "output": 60, "cached": 120, "reasoning": 15}
    assert found[at("critic_verdicts_total", layer="L2", verdict="PASS")] == 2
    assert found[at("critic_verdicts_total", layer="L2", verdict="FAIL")] == 1
    assert found[at("policy_denials_total", rule="forbidden_model")] == 2, "wherever it was denied"
    assert found[at("llm_calls_in_flight")] == 1
    assert found[at("ledger_events_total")] == seq
    assert found[at("ledger_up")] == 1


def test_histogram_is_cumulative_and_consistent_with_its_count(ws: Workspace) -> None:
    """Buckets never fall, ``+Inf`` is the count, and the sum is that of the latencies."""
    with composing(ws) as ledger:
        compose(ledger)
        with child(MODULE, ws.root) as serving:
            found = figures(ask(serving)[1])
    name = "llm_call_duration_seconds"
    buckets = {
        float(dict(labels)["le"]): value
        for (sample, labels), value in found.items()
        if sample == f"{name}_bucket" and dict(labels)["model_id"] == SLOT[3]
    }
    counts = [buckets[bound] for bound in sorted(buckets)]
    assert counts == sorted(counts)
    assert buckets[0.05] == 1
    assert buckets[0.5] == 1
    assert buckets[1.0] == 2
    assert buckets[600.0] == 2
    assert buckets[float("inf")] == found[at(f"{name}_count", SLOT)] == 3
    assert found[at(f"{name}_sum", SLOT)] == pytest.approx(700.94)


def test_run_id_is_never_a_label(ws: Workspace) -> None:
    """The number of series does not grow with the work."""
    with composing(ws) as ledger:
        compose(ledger)
        with child(MODULE, ws.root) as serving:
            before = figures(ask(serving)[1])
            compose(ledger)
            _, text, _ = ask(serving)
    assert "run_id" not in text
    assert RUN not in text
    assert figures(text).keys() == before.keys()


def test_counters_never_fall_over_a_restart(ws: Workspace) -> None:
    """A new child goes on where the old one was, and so does a new writer's minute."""
    with composing(ws, "a") as ledger:
        compose(ledger)
        with child(MODULE, ws.root) as serving:
            before = figures(ask(serving)[1])
            serving.kill()
    with composing(ws, "b") as ledger:
        ledger.call()
        with child(MODULE, ws.root) as serving:
            after = figures(ask(serving)[1])
    counters = [key for key in before if key[0].endswith(("_total", "_count", "_sum", "_bucket"))]
    fallen = [
        key for key in counters if not key[0].startswith(("process_", "python_")) and after[key] < before[key]
    ]
    assert not fallen
    assert after[at("llm_calls_total", SLOT)] == before[at("llm_calls_total", SLOT)] + 1


def test_openmetrics_for_who_asks(ws: Workspace) -> None:
    """A monitor that accepts OpenMetrics gets it, and its own parser reads it."""
    with composing(ws) as ledger:
        compose(ledger)
        with child(MODULE, ws.root) as serving:
            _, text, headers = ask(serving, Accept="application/openmetrics-text; version=1.0.0")
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    assert "llm_calls" in {family.name for family in openmetrics_families(text)}


@pytest.mark.parametrize("spoil", ["missing", "foreign", "locked"])
def test_an_unreadable_ledger_is_503_with_its_reason_and_the_posture(ws: Workspace, spoil: str) -> None:
    """The posture is told whatever the ledger does, and the answer can still be parsed."""
    expected = {"missing": "ledger_missing", "foreign": "ledger_not_a_database", "locked": "ledger_locked"}
    if spoil == "foreign":
        ws.ledger.write_bytes(b"this is no database at all" * 100)
    with composing(ws) if spoil == "locked" else closing(socket.socket()) as held:
        if isinstance(held, Composer):
            held.writer._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            held.writer._db.execute("PRAGMA journal_mode = DELETE")
            held.writer._db.execute("BEGIN EXCLUSIVE")
        with child(MODULE, ws.root) as serving:
            status, text, _ = ask(serving)
            health_status, health, _ = ask(serving, "/healthz")
    assert status == health_status == 503
    assert text.startswith(f"# {expected[spoil]}: ")
    found = figures(text)
    assert found[at("ledger_up")] == 0
    assert found[at("control_posture", state="STOPPED")] == 1
    assert not any(name.startswith("llm_") for name, _ in found)
    document = json.loads(health)
    assert document["ok"] is False
    assert document["error"]["code"] == expected[spoil]


def test_a_ledger_that_comes_later_is_served(ws: Workspace) -> None:
    """The child needs no restart when the ledger appears, or is replaced by another."""
    with child(MODULE, ws.root) as serving:
        assert ask(serving)[0] == 503
        with composing(ws) as ledger:
            ledger.call()
            assert figures(ask(serving)[1])[at("llm_calls_total", SLOT)] == 1
        assert ask(serving, "/healthz")[0] == 200


@pytest.mark.parametrize(
    ("method", "headers", "body", "status"),
    [
        ("POST", {}, b"x", 405),
        ("DELETE", {}, None, 405),
        ("GET", {"Host": "attacker.example"}, None, 421),
        ("GET", {"Host": "127.0.0.1.attacker.example"}, None, 421),
        ("GET", {"Host": "localhost"}, None, 200),
        ("GET", {"Host": "[::1]:9000"}, None, 200),
        ("GET", {}, b"a body", 413),
        ("GET", {"Transfer-Encoding": "chunked"}, None, 413),
        ("GET", {f"X-{number}": "y" for number in range(150)}, None, 431),
        ("GET", {"X-Long": "y" * 70_000}, None, 431),
    ],
)
def test_only_small_local_gets_are_answered(
    ws: Workspace, method: str, headers: dict[str, str], body: bytes | None, status: int
) -> None:
    """Another host's name (a rebound one too), another method, or a body is refused in plain words."""
    with composing(ws), child(MODULE, ws.root) as serving:
        found, _, answered = ask(serving, "/healthz", method, body, **headers)
    assert found == status
    assert (answered["Allow"] == "GET") is (status == 405)


def test_other_paths_are_not_found(ws: Workspace) -> None:
    """Nothing but the two pages is served."""
    with composing(ws), child(MODULE, ws.root) as serving:
        assert [ask(serving, path)[0] for path in ("/", "/metrics/", "/../audits/ledger.db")] == [404] * 3
        assert ask(serving, "/metrics?name=x")[0] == 200


def test_idle_connections_do_not_shut_monitors_out(ws: Workspace) -> None:
    """Whoever holds connections open is cut; a scrape gets through again."""
    with composing(ws), child(MODULE, ws.root) as serving:
        port = urlsplit(serving.first["url"]).port
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(12)]
        try:
            assert eventually(lambda: _answered(serving), "a scrape is answered", within_s=60)
        finally:
            for one in silent:
                one.close()


def _answered(serving: Child) -> bool:
    try:
        return ask(serving, "/healthz")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def test_a_named_port_that_is_taken_is_an_error_with_its_remedy(ws: Workspace) -> None:
    """The configured port is used; when it cannot be had, the first line says so and the child ends."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (ws.root / "configs" / "console.toml").write_text(f"[exporters.metrics]\nport = {port}\n")
        with child(MODULE, ws.root) as refused:
            assert refused.first["ready"] is False
            assert refused.first["error"]["code"] == "port_unavailable"
            assert refused.process.wait(60) == 3
    with child(MODULE, ws.root) as serving:
        assert serving.first == {"ready": True, "url": f"http://127.0.0.1:{port}/metrics"}


def test_the_child_ends_with_its_parent_and_on_sigterm(ws: Workspace) -> None:
    """The end of standard input ends it, SIGTERM too, each cleanly; SIGINT is its parent's affair."""
    with child(MODULE, ws.root) as serving:
        serving.process.send_signal(signal.SIGINT)
        assert ask(serving, "/healthz")[0] == 503
        assert serving.end() == 0
    with child(MODULE, ws.root) as serving:
        serving.process.terminate()
        assert serving.process.wait(60) == 0
