"""``peak providers check``: what is found out, how it is judged, and that nothing is sent that costs."""

import asyncio
import json
import socket
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback_server import Exchange, LoopbackServer
from provider_lists import KEYS, LISTS, SLOTS, answering, environ, serving, six, workspace

from peak_console.config.load import load_configs
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import ManualClock
from peak_console.domain.errors import UsageWrong
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.llm.checks import judging, targets
from peak_console.llm.checks.judging import Finding, Status
from peak_console.llm.checks.probing import Report
from peak_console.llm.checks.targets import Target
from peak_console.llm.credentials import Credentials
from peak_console.llm.providers.listing import ListedModel
from peak_console.operations import providers
from peak_console.operations.providers import Checked, check

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECRETS = [value for held in KEYS.values() for name, value in held.items() if name != "AWS_REGION"]


def only(found: list[Finding], kind: str) -> Finding:
    """The one finding of a check."""
    (one,) = [finding for finding in found if finding.check == kind]
    return one


def statuses(report: Report) -> dict[str, str]:
    """Each check of a report with its worst status, models of the registry's rest left out."""
    order = list(Status)
    found: dict[str, Status] = {}
    used = {entry.model_id for entry in report.target.used}
    for one in report.findings:
        if one.check in {"model", "shutdown"} and one.subject not in used:
            continue
        found[one.check] = max(found.get(one.check, Status.OK), one.status, key=order.index)
    return {kind: status.value for kind, status in found.items()}


async def checked(ws: Workspace, environment: dict[str, str], provider: str | None = None) -> Checked:
    """A check with short waits."""
    done = await check(ws, provider, wait_s=5, environ=environment)
    text = json.dumps(done.as_dict())
    assert not [secret for secret in SECRETS if secret in text]
    return done


async def test_six_providers_are_proved_without_spending(tmp_path: Path) -> None:
    """Each in its own form, keys taken, models found, deployments told; GET requests without a body."""
    async with LoopbackServer(serving()) as server:
        done = await checked(six(tmp_path), environ(server.url))
        reports = {report.target.provider: report for report in done.reports}
    assert list(reports) == list(SLOTS)
    common = {
        "key": "ok",
        "address": "warn",
        "reachable": "ok",
        "clock": "ok",
        "accepted": "ok",
        "model": "ok",
    }
    more = {
        "azure": {"deployment": "unknown", "shutdown": "unknown"},
        "bedrock": {"region": "ok", "deployment": "ok"},
    }
    for provider, report in reports.items():
        assert statuses(report) == common | more.get(provider, {}), provider
    assert {(one.method, one.body) for one in server.seen} == {("GET", b"")}
    assert sorted({one.path for one in server.seen}) == sorted(LISTS)
    assert sum(report.requests for report in done.reports) == len(server.seen)
    assert done.exit_code == 0
    assert done.as_dict()["spent_eur"] == "0"


@pytest.mark.parametrize(
    ("provider", "header", "value"),
    [
        ("openai", "authorization", "Bearer sk-canary-openai-0123456789"),
        ("google", "x-goog-api-key", "canary-google-0123456789"),
        ("azure", "api-key", "canary-azure-0123456789"),
        ("bedrock", "authorization", "Bearer canary-bedrock-0123456789"),
    ],
)
async def test_the_key_goes_where_the_provider_takes_it(
    tmp_path: Path, provider: str, header: str, value: str
) -> None:
    """As for a call: the same credentials make the same headers."""
    ws = workspace(tmp_path, (provider, *SLOTS[provider]))
    async with LoopbackServer(serving()) as server:
        await checked(ws, environ(server.url, provider))
    assert {one.headers.get(header) for one in server.seen} == {value}


async def test_bedrock_is_signed_where_only_access_keys_are_set(tmp_path: Path) -> None:
    """For the region's control plane, each page by itself."""
    ws = workspace(tmp_path, ("bedrock", *SLOTS["bedrock"]))
    async with LoopbackServer(serving()) as server:
        environment = environ(server.url, "bedrock") | {
            "AWS_ACCESS_KEY_ID": "AKIACANARY0123456789",
            "AWS_SECRET_ACCESS_KEY": "canary/secret+0123456789abcdefghij",
        }
        del environment["AWS_BEARER_TOKEN_BEDROCK"]
        done = await checked(ws, environment)
    assert done.exit_code == 0
    assert "signed" in only(done.reports[0].findings, "key").detail
    for one in server.seen:
        assert "/eu-central-1/bedrock/aws4_request" in one.headers["authorization"]
    assert "canary/secret" not in json.dumps(done.as_dict())


async def test_what_is_not_listed_fails_for_a_slot_and_warns_for_the_rest(tmp_path: Path) -> None:
    """A model of the matrix must be there; one of the registry only might be used one day."""
    ws = workspace(tmp_path, ("openai", "gpt-5-nano", None))
    async with LoopbackServer(serving()) as server:
        done = await checked(ws, environ(server.url, "openai"))
    by_model = {one.subject: one for one in done.reports[0].findings if one.check == "model"}
    assert by_model["gpt-5-nano"].status is Status.FAIL
    assert by_model["gpt-5-nano"].remedy == "put openai:gpt-6-luna in its place"
    assert by_model["gpt-6-luna"].status is Status.WARN
    assert by_model["gpt-5.2"].status is Status.OK
    assert done.exit_code == 1


@pytest.mark.parametrize(
    ("status", "body", "reason", "exit_code"),
    [
        (401, b'{"error":{"message":"Incorrect API key","code":"invalid_api_key"}}', "authentication", 1),
        (403, b'{"error":{"message":"no right to list"}}', "permission", 1),
        (
            400,
            b'{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}',
            "authentication",
            1,
        ),
        (404, b"<html>", "http_404", 1),
        (429, b'{"error":{"message":"slow down"}}', "http_429", 1),
        (500, b"", "http_500", 1),
        (401, b'{"error":{"details":7,"message":{"a":1}}}', "authentication", 1),
    ],
)
async def test_a_key_that_is_not_taken(
    tmp_path: Path, status: int, body: bytes, reason: str, exit_code: int
) -> None:
    """Told with the provider's words; the models stay unknown, never green."""
    ws = workspace(tmp_path, ("openai", "gpt-5.2", None))
    async with LoopbackServer(answering(status, body)) as server:
        done = await checked(ws, environ(server.url, "openai"))
    found = done.reports[0].findings
    assert only(found, "reachable").status is Status.OK
    assert only(found, "accepted").reason == reason
    assert not [one for one in found if one.check == "model" and one.status is not Status.UNKNOWN]
    assert done.exit_code == exit_code


async def test_a_quoted_key_is_struck_out(tmp_path: Path) -> None:
    """Providers quote the key that they refuse; ``checked`` looks at the whole report."""
    ws = workspace(tmp_path, ("openai", "gpt-5.2", None))
    body = json.dumps({"error": {"message": f"Incorrect API key: {SECRETS[0]}\u202e\x1b[31m"}}).encode()
    async with LoopbackServer(answering(401, body)) as server:
        done = await checked(ws, environ(server.url, "openai"))
    said = only(done.reports[0].findings, "accepted").detail
    assert "[redacted]" in said
    assert said.isprintable()


async def test_without_a_key_the_address_is_proved_all_the_same(tmp_path: Path) -> None:
    """One request without a key: reachable and clock are known, the rest is not."""
    ws = workspace(tmp_path, ("openai", "gpt-5.2", None))
    async with LoopbackServer(answering(401)) as server:
        environment = environ(server.url, "openai")
        del environment["OPENAI_API_KEY"]
        done = await checked(ws, environment)
    assert "authorization" not in server.seen[0].headers
    found = done.reports[0].findings
    assert (only(found, "key").reason, only(found, "key").status) == ("key_missing", Status.FAIL)
    assert only(found, "reachable").status is Status.OK
    assert only(found, "accepted").reason == "no_key"
    assert only(found, "list").status is Status.UNKNOWN
    assert done.exit_code == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[",
        b"null",
        b"[]",
        b'{"data":{}}',
        b'{"data":[{"id":7}]}',
        b'{"data":[null]}',
        b"\xff\xfe",
        b"{" * 5000,
    ],
)
async def test_a_malformed_list_is_unknown_and_tells_what_a_call_would_cost(
    tmp_path: Path, body: bytes
) -> None:
    """No exception, nothing green; the bound stands at the price table, and nothing was sent."""
    ws = workspace(tmp_path, ("openai", "gpt-5.2", None))
    async with LoopbackServer(answering(200, body)) as server:
        done = await checked(ws, environ(server.url, "openai"))
    assert only(done.reports[0].findings, "list").reason == "malformed"
    (probe,) = [one for one in done.reports[0].findings if one.check == "model"]
    assert (probe.subject, probe.status, probe.reason) == ("gpt-5.2", Status.UNKNOWN, "not_provable_free")
    assert " EUR. Nothing was sent" in probe.detail
    assert "0.00" in probe.detail
    assert len(server.seen) == 1
    assert done.exit_code == 1


async def test_pages_without_end_are_given_up(tmp_path: Path) -> None:
    """A provider that always names a next page is not asked for ever."""
    ws = workspace(tmp_path, ("google", "gemini-3.8-flash", None))
    async with LoopbackServer(answering(200, b'{"models":[],"nextPageToken":"again"}')) as server:
        done = await checked(ws, environ(server.url, "google"))
    assert only(done.reports[0].findings, "list").reason == "endless"
    assert len(server.seen) == 20


async def test_a_list_too_large_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded before it is read."""
    monkeypatch.setattr("peak_console.llm.checks.probing.MAX_BYTES", 1000)
    ws = workspace(tmp_path, ("openai", "gpt-5.2", None))
    async with LoopbackServer(answering(200, b" " * 1001)) as server:
        done = await checked(ws, environ(server.url, "openai"))
    assert (only(done.reports[0].findings, "list").reason, done.exit_code) == ("too_large", 1)


async def test_nobody_there(tmp_path: Path) -> None:
    """A closed port: exit 3, and the models are not called gone."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        ws = workspace(tmp_path, ("openai", "gpt-5.2", None))
        done = await checked(ws, environ(url, "openai"))
    found = done.reports[0].findings
    assert (only(found, "reachable").status, only(found, "reachable").reason) == (Status.FAIL, "connect")
    assert not [one for one in found if one.check == "model"]
    assert done.exit_code == 3


async def test_a_name_that_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look-up is told apart from the connection."""

    async def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown, raising=False)
    ws = workspace(tmp_path, ("openai", "gpt-5.2", None))
    done = await checked(ws, KEYS["openai"] | {"PEAK_PROVIDER_OPENAI_BASE_URL": "https://nowhere.example/v1"})
    found = only(done.reports[0].findings, "reachable")
    assert (found.reason, done.exit_code) == ("dns", 3)


async def test_a_silent_server_is_given_up_in_time(tmp_path: Path) -> None:
    """The wait is bounded, whatever the server does."""

    async def handler(_: Exchange) -> None:
        await asyncio.Event().wait()

    ws = workspace(tmp_path, ("openai", "gpt-5.2", None))
    async with LoopbackServer(handler) as server:
        done = await check(ws, wait_s=0.2, environ=environ(server.url, "openai"))
    assert only(done.reports[0].findings, "reachable").reason in {"timeout_total", "timeout_connect"}
    assert done.exit_code == 3


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    """Neither the key nor the request goes where the answer points."""
    ws = workspace(tmp_path, ("openai", "gpt-5.2", None))
    async with LoopbackServer(answering(307, headers={"location": "https://elsewhere.example/"})) as server:
        done = await checked(ws, environ(server.url, "openai"))
    assert [one.reason for one in done.reports[0].findings if one.check == "address"] == [
        "overridden",
        "redirect",
    ]
    assert (len(server.seen), done.exit_code) == (1, 1)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://api.example/v1", "address_unfit"),
        ("https://user:pw@api.example/v1", "address_unfit"),
        ("https://api.example/v1?key=x", "address_unfit"),
        ("https://api.anthropic.com/v1", "forbidden_base_url"),
    ],
)
async def test_nothing_is_sent_to_an_address_that_is_refused(tmp_path: Path, url: str, reason: str) -> None:
    """The hard deny and the rules of addresses come before the first byte."""
    ws = workspace(tmp_path, ("openai", "gpt-5.2", None))
    done = await checked(ws, KEYS["openai"] | {"PEAK_PROVIDER_OPENAI_BASE_URL": url})
    (report,) = done.reports
    assert (only(report.findings, "address").reason, report.requests, done.exit_code) == (reason, 0, 1)


@pytest.mark.parametrize("real", [False, True])
async def test_a_simulated_workspace_asks_this_machine_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, real: bool
) -> None:
    """Without a real key; with one, or for another address, nothing is sent."""
    monkeypatch.setattr(providers, "is_simulated", lambda _: True)
    ws = workspace(tmp_path, ("openai", "gpt-5.2", None), ("google", "gemini-3.8-flash", None))
    async with LoopbackServer(serving()) as server:
        environment = environ(server.url, "openai")
        if not real:
            del environment["OPENAI_API_KEY"]
        done = await checked(ws, environment)
    openai, google = done.reports
    assert only(google.findings, "address").reason == "not_loopback"
    assert google.requests == 0
    assert openai.requests == (0 if real else 1)
    assert only(openai.findings, "key").reason == ("real_key" if real else "simulated")
    if not real:
        assert server.seen[0].headers["authorization"] == "Bearer simulated"


async def test_a_provider_by_name_need_not_be_in_the_matrix(tmp_path: Path) -> None:
    """Then its models of the registry are looked for; a name that nobody speaks to is refused."""
    ws = workspace(tmp_path, ("openai", "gpt-5.2", None))
    async with LoopbackServer(serving()) as server:
        done = await checked(ws, environ(server.url), "mistral")
    (report,) = done.reports
    assert (report.target.provider, report.target.slots) == ("mistral", ())
    listed = {one.subject for one in report.findings if one.check == "model" and one.status is Status.OK}
    assert listed == {"mistral-medium-2604", "mistral-medium-latest"}
    for name in ("anthropic", "nobody", ""):
        with pytest.raises(UsageWrong):
            await check(ws, name, environ={})


async def test_a_provider_that_nobody_speaks_to_is_not_passed_over(tmp_path: Path) -> None:
    """A slot of it is a failure, though there is nobody to ask."""
    ws = workspace(tmp_path, ("openai", "gpt-5.2", None), ("acme", "a-1", None))
    for path, table in ((ws.models, "model"), (ws.prices, "price")):
        first = path.read_text(encoding="utf-8").split(f"[[{table}]]\n")[1].split("\n\n")[0]
        entry = first.replace('"openai"', '"acme"').replace('"gpt-5-nano"', '"a-1"')
        with path.open("a", encoding="utf-8") as file:
            file.write(f"\n[[{table}]]\n{entry}\n")
    ws.matrix.write_text(
        ws.matrix.read_text(encoding="utf-8").replace('["openai"', '["acme", "openai"'), encoding="utf-8"
    )
    async with LoopbackServer(serving()) as server:
        done = await checked(ws, environ(server.url, "openai"))
    assert [report.target.provider for report in done.reports] == ["openai"]
    assert (done.unspoken, done.exit_code) == (("acme",), 1)


async def test_each_address_of_a_provider_is_checked(tmp_path: Path) -> None:
    """Two slots, two addresses in the matrix: both are asked."""
    async with LoopbackServer(serving()) as server:
        ws = workspace(tmp_path, ("openai", "gpt-5.2", None), base_url=f"{server.url}/openai/v1")
        text = ws.matrix.read_text(encoding="utf-8")
        ws.matrix.write_text(text.replace("/openai/v1", "/other/v1", 1), encoding="utf-8")
        done = await checked(ws, KEYS["openai"])
    assert [(report.target.origin, len(report.target.slots)) for report in done.reports] == [
        ("matrix", 1),
        ("matrix", 4),
    ]
    assert [only(report.findings, "address").status for report in done.reports] == [Status.OK] * 2
    assert {one.path for one in server.seen} == {"/other/v1/models", "/openai/v1/models"}


def target(tmp_path: Path, provider: str = "openai", **environment: str) -> Target:
    """What is to be checked of one provider, in its only slot."""
    ws = workspace(tmp_path / "ws", (provider, *SLOTS[provider]))
    return targets.targets(load_configs(ws, today=TODAY), Credentials(environment))[0]


@pytest.mark.parametrize(
    ("off_s", "signed", "status"),
    [
        (0, True, "ok"),
        (60, True, "ok"),
        (61, False, "warn"),
        (-61, False, "warn"),
        (300, True, "warn"),
        (301, True, "fail"),
        (-301, True, "fail"),
        (100_000, False, "warn"),
    ],
)
def test_the_clock(tmp_path: Path, off_s: int, status: str, *, signed: bool) -> None:
    """Told above a minute; above five, AWS refuses what is signed."""
    now = NOW + timedelta(seconds=off_s)
    found = judging.clock_finding(target(tmp_path), "Sun, 22 Nov 2026 12:00:00 GMT", now, signed=signed)
    assert found.status.value == status


@pytest.mark.parametrize("told", [None, "", "soon", "Sun, 22 Nov 99999 12:00:00 GMT", "\x00", "0" * 500])
def test_a_date_that_is_none(tmp_path: Path, told: str | None) -> None:
    """Unknown is not in time."""
    assert judging.clock_finding(target(tmp_path), told, NOW, signed=True).status is Status.UNKNOWN


@given(st.text(max_size=60))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=200,
    deadline=None,
)
def test_any_date_header_is_a_finding(told: str) -> None:
    """Whatever a server writes there."""
    assert judging.clock_finding(_BARE, told, NOW, signed=True).check == "clock"


@given(
    st.integers(100, 599),
    st.binary(max_size=80) | st.just(b'{"error":{"details":[{"reason":[]}],"message":1}}'),
)
@settings(max_examples=300, deadline=None)
def test_any_answer_to_a_key_is_a_finding(status: int, body: bytes) -> None:
    """Only a plain 200 says that the key is taken."""
    found = judging.accepted_finding(_BARE, status, body, key_sent=True)
    assert (found.status is Status.OK) == (status == 200)
    assert found.detail.isprintable()


@pytest.mark.parametrize(
    ("theirs", "retiring", "status", "reason"),
    [
        (date(2027, 4, 1), False, "warn", "date_differs"),
        (date(2026, 11, 22), False, "fail", "date_differs"),
        (date(2026, 12, 11), False, "warn", "near"),
        (None, True, "warn", "retiring"),
        (None, False, "unknown", "not_told"),
    ],
)
def test_ends_are_held_against_the_registry(
    tmp_path: Path, theirs: date | None, status: str, reason: str, *, retiring: bool
) -> None:
    """gpt-5-mini ends on 2026-12-11 by models.toml; what the provider says is told, with what to write."""
    ws = workspace(tmp_path / "ws", ("openai", "gpt-5-mini", None))
    (one,) = targets.targets(load_configs(ws, today=TODAY), Credentials({}))
    listed = [ListedModel("gpt-5-mini", theirs, retiring)]
    found = only(
        [f for f in judging.model_findings(one, listed, TODAY, tells_ends=True) if f.subject == "gpt-5-mini"],
        "shutdown",
    )
    assert (found.status.value, found.reason) == (status, reason)
    assert found.remedy


def test_an_end_that_agrees_is_ok(tmp_path: Path) -> None:
    """Also for a model that no slot uses; a list without any place for ends says nothing about them."""
    one = target(tmp_path)
    listed = [ListedModel("gpt-5.2"), ListedModel("gpt-5.1", date(2027, 4, 1))]
    found = only(list(judging.model_findings(one, listed, TODAY, tells_ends=True)), "shutdown")
    assert (found.subject, found.status) == ("gpt-5.1", Status.OK)
    listed = [ListedModel("gpt-5.1")]
    assert not [
        f for f in judging.model_findings(one, listed, TODAY, tells_ends=False) if f.check == "shutdown"
    ]


@pytest.mark.parametrize(
    ("ends", "status"),
    [
        ([date(2025, 1, 1), date(2027, 6, 8), date(2028, 1, 1)], "ok"),
        ([date(2026, 12, 1), date(2027, 6, 8)], "warn"),
        ([date(2025, 1, 1), date(2026, 11, 22)], "fail"),
        ([None], "unknown"),
    ],
)
def test_of_azures_versions_the_one_that_ends_next_counts(
    tmp_path: Path, ends: list[date | None], status: str
) -> None:
    """Which of them is deployed is not told; those that are gone do not hide those to come."""
    one = target(tmp_path, "azure")
    listed = [ListedModel(f"gpt-5.2-2025-12-{place:02}", end) for place, end in enumerate(ends, 1)]
    found = [f for f in judging.model_findings(one, listed, TODAY, tells_ends=True) if f.subject == "gpt-5.2"]
    assert only(found, "model").status is Status.OK
    assert only(found, "shutdown").status.value == status


@pytest.mark.parametrize(
    ("region", "base_url", "status", "reason"),
    [
        ("eu-central-1", "", "ok", "region"),
        ("", "", "fail", "region_missing"),
        ("frankfurt", "", "fail", "region_missing"),
        ("eu-central-1", "https://bedrock-runtime.us-east-1.amazonaws.com", "warn", "region_differs"),
        ("", "https://bedrock-runtime.us-east-1.amazonaws.com", "ok", "region"),
    ],
)
def test_the_region(tmp_path: Path, region: str, base_url: str, status: str, reason: str) -> None:
    """Of its form, and the address agrees."""
    environment = {"AWS_REGION": region} if region else {}
    if base_url:
        environment["PEAK_PROVIDER_BEDROCK_BASE_URL"] = base_url
    found = judging.region_finding(target(tmp_path, "bedrock", **environment), Credentials(environment))
    assert found is not None
    assert (found.status.value, found.reason) == (status, reason)


def test_others_have_no_region(tmp_path: Path) -> None:
    """Nothing is said where nothing is asked."""
    assert judging.region_finding(target(tmp_path), Credentials({})) is None


def test_an_azure_resource_that_is_not_named(tmp_path: Path) -> None:
    """The address is missing, and the variable that would tell it is named."""
    found = judging.address_finding(target(tmp_path, "azure"), simulated=False, phase=PhaseLevel.RESEARCH)
    assert (found.status, found.reason) == (Status.FAIL, "address_missing")
    assert "AZURE_OPENAI_ENDPOINT" in found.detail


@pytest.mark.parametrize(
    ("url", "phase", "status"),
    [
        ("https://proxy.example", PhaseLevel.RESEARCH, "ok"),
        ("https://proxy.example", PhaseLevel.SHADOW, "fail"),
        ("https://desk.openai.azure.com", PhaseLevel.SHADOW, "ok"),
    ],
)
def test_an_azure_endpoint_is_azures_own_from_shadow_on(
    tmp_path: Path, url: str, phase: PhaseLevel, status: str
) -> None:
    """The check says of AZURE_OPENAI_ENDPOINT what a call would be told."""
    told = target(tmp_path, "azure", AZURE_OPENAI_ENDPOINT=url)
    found = judging.address_finding(told, simulated=False, phase=phase)
    assert found.status.value == status
    assert ("set AZURE_OPENAI_ENDPOINT to azure's own" in found.remedy) == (status == "fail")


@pytest.mark.parametrize(("phase", "status"), [(PhaseLevel.RESEARCH, "warn"), (PhaseLevel.SHADOW, "fail")])
def test_an_address_of_the_environment_must_stand_in_the_matrix_from_shadow_on(
    tmp_path: Path, phase: PhaseLevel, status: str
) -> None:
    """Decision 29: in research it is told, from shadow on refused."""
    url = "https://proxy.example/v1"
    one = target(tmp_path, PEAK_PROVIDER_OPENAI_BASE_URL=url)
    assert judging.address_finding(one, simulated=False, phase=phase).status.value == status


def test_an_address_that_stands_in_both_is_fit(tmp_path: Path) -> None:
    """The environment repeats the matrix."""
    url = "https://proxy.example/v1"
    ws = workspace(tmp_path / "ws", ("openai", "gpt-5.2", None), base_url=url)
    environment = {"PEAK_PROVIDER_OPENAI_BASE_URL": url}
    (one,) = targets.targets(load_configs(ws, today=TODAY), Credentials(environment))
    found = judging.address_finding(one, simulated=False, phase=PhaseLevel.LIVE)
    assert found.status is Status.OK


@pytest.mark.parametrize(
    ("environment", "status"),
    [
        ({}, "fail"),
        ({"AWS_ACCESS_KEY_ID": "AKIACANARY0123456789"}, "fail"),
        ({"AWS_ACCESS_KEY_ID": "AKIACANARY0123456789", "AWS_SECRET_ACCESS_KEY": "s" * 40}, "ok"),
        ({"AWS_BEARER_TOKEN_BEDROCK": "canary-bedrock"}, "ok"),
    ],
)
def test_aws_keys(tmp_path: Path, environment: dict[str, str], status: str) -> None:
    """A Bearer key, or a whole pair of access keys."""
    found = judging.key_finding(
        target(tmp_path, "bedrock", **environment), Credentials(environment), simulated=False
    )
    assert found.status.value == status


def test_a_signature_is_no_bearer_key(tmp_path: Path) -> None:
    """Bedrock's OpenAI-compatible interface takes none."""
    ws = workspace(tmp_path / "ws", ("bedrock", "openai.gpt-oss-120b-1:0", None))
    environment = {"AWS_ACCESS_KEY_ID": "AKIACANARY0123456789", "AWS_SECRET_ACCESS_KEY": "s" * 40}
    credentials = Credentials(environment)
    (one,) = targets.targets(load_configs(ws, today=TODAY), credentials)
    found = judging.key_finding(one, credentials, simulated=False)
    assert (found.status, found.remedy) == (Status.FAIL, "export AWS_BEARER_TOKEN_BEDROCK")


async def test_a_clock_that_is_off_is_found_by_the_answer(tmp_path: Path) -> None:
    """The answer's date against the clock that is passed in."""
    ws = workspace(tmp_path, ("openai", "gpt-5.2", None))
    clock = ManualClock(NOW)
    async with LoopbackServer(serving(at=NOW + timedelta(minutes=10))) as server:
        done = await check(ws, environ=environ(server.url, "openai"), clock=clock)
    found = only(done.reports[0].findings, "clock")
    assert (found.status, found.detail) == (Status.WARN, "600 s behind the provider's")


_BARE = Target("openai", next(iter(judging.ADAPTERS.values())), "https://x", "built in", in_matrix=False)
