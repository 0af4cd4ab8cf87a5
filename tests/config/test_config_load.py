"""Loading: all or nothing, the same each time, and never an old version while the folder says otherwise."""

import os
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from peak_console.config.configs import Configs
from peak_console.config.load import ConfigCache, load_configs
from peak_console.domain.clock import ManualClock
from peak_console.domain.errors import ConfigInvalid
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role

TODAY = date(2026, 11, 22)
M = "configs/ai/layer_model_matrix.toml"
R = "configs/ai/models.toml"
P = "configs/ai/prices.toml"
B = "configs/ai/budgets.toml"
MAIN = (M, R, P, B)


def load(files: Any, phase: PhaseLevel = PhaseLevel.RESEARCH) -> Configs:
    """The configs of the workspace."""
    return load_configs(files.ws, phase=phase, today=TODAY)


def refusal(files: Any, phase: PhaseLevel = PhaseLevel.RESEARCH) -> ConfigInvalid:
    """The refusal to load it."""
    with pytest.raises(ConfigInvalid) as raised:
        load(files, phase)
    return raised.value


def test_loading_is_deterministic(files: Any, make_files: Any) -> None:
    """The same content gives the same digests and equal configs, wherever it lies."""
    here, there = load(files), load(make_files("elsewhere"))
    assert here.digests == there.digests
    assert here == there
    assert here.matrix.digest == here.digests["matrix"]
    assert here.budgets.limits.digest == here.digests["budgets"]


@pytest.mark.parametrize(("kind", "name"), zip(("matrix", "models", "prices", "budgets"), MAIN, strict=True))
def test_a_changed_file_changes_its_digest_alone(files: Any, kind: str, name: str) -> None:
    """A digest covers every byte of its file and no other file."""
    before = load(files).digests
    files.write(name, files.read(name) + "# a remark\n")
    after = load(files).digests
    assert {one for one in after if after[one] != before[one]} == {kind}


def test_a_changed_prompt_changes_the_digest_of_prompts(files: Any) -> None:
    """Prompts have one digest for the library and one each."""
    before = load(files)
    files.write("configs/ai/prompts/writer/1.md", "You write better.\n")
    after = load(files)
    assert before.digests["prompts"] != after.digests["prompts"]
    assert before.prompts.get("writer@1").sha256 != after.prompts.get("writer@1").sha256
    assert before.prompts.get("judge@1") == after.prompts.get("judge@1")


def test_a_refusal_names_file_line_and_column(files: Any) -> None:
    """The message begins with the place; details carry every finding in the shape of ``peak lint``."""
    files.change(M, '[L0.primary]\nprovider = "openai"', '[L0.primary]\nprovider = "anthropic"')
    refused = refusal(files)
    line = files.read(M).split("\n").index('provider = "anthropic"') + 1
    assert refused.message.startswith(f"{M}:{line}:1: ")
    assert refused.code == "config_invalid"
    assert refused.remedy
    shape = {"rule", "severity", "file", "line", "column", "message", "remedy"}
    assert all(set(finding) - {"fix"} == shape for finding in refused.details["findings"])


@pytest.mark.parametrize("name", MAIN)
def test_without_a_main_file_nothing_loads(files: Any, name: str) -> None:
    """Gone, a folder in its place, broken, not UTF-8."""
    content = files.read(name)
    (files.root / name).unlink()
    assert refusal(files).details["findings"][0]["rule"] == "file.missing"
    (files.root / name).mkdir()
    assert refusal(files).details["findings"][0]["rule"] == "file.unreadable"
    (files.root / name).rmdir()
    files.write(name, content + "[[[")
    assert refusal(files).details["findings"][0]["rule"] == "file.syntax"
    files.write(name, b"\xff")
    assert refusal(files).details["findings"][0]["rule"] == "file.not_utf8"


def test_what_concerns_one_call_does_not_stop_all(files: Any) -> None:
    """A missing price or budget refuses calls one by one, at the router, not the whole workspace."""
    files.change(P, 'model_id = "delta-1"', 'model_id = "delta-2"')
    files.change(B, "[day]\nmax_cost_eur = 50.0", "[day]\nmax_calls = 50")
    configs = load(files)
    assert configs.prices.find("openai", "delta-1", TODAY) is None


def test_warnings_do_not_stop_loading_and_the_phase_makes_them_errors(files: Any) -> None:
    """Separation of duties: a warning in research, a refusal from shadow on."""
    files.change(
        M,
        '[L0.critic]\nprovider = "openai"\nmodel_id = "gamma-1"',
        '[L0.critic]\nprovider = "openai"\nmodel_id = "alpha-1"',
    )
    assert load(files).matrix.chain(Layer.L0, Role.CRITIC)
    assert "sod.within_layer" in {
        one["rule"] for one in refusal(files, PhaseLevel.SHADOW).details["findings"]
    }


def test_control_has_strict_defaults_and_must_not_be_broken(files: Any) -> None:
    """Absent: the code's own values. Broken: refused, because it slows down what is dangerous."""
    assert load(files).control.enable.cooldown_s == 300
    assert "control" not in load(files).digests
    files.write("configs/control.toml", "[enable]\ncooldown_s = 60\n")
    assert load(files).control.enable.cooldown_s == 60
    files.write("configs/control.toml", "[enable]\ncooldown = 60\n")
    refusal(files)


def test_the_console_never_stops_a_call(files: Any) -> None:
    """What is wrong in console.toml is left at its default, and lint says so."""
    files.write("configs/console.toml", 'refresh_ms = 2000\ntheme = "purple"\n')
    configs = load(files)
    assert (configs.console.refresh_ms, configs.console.theme) == (2000, "peak")
    assert files.rules() == ["schema.bad_value"]
    files.write("configs/console.toml", "[[[")
    assert load(files).console.refresh_ms == 1000


def test_jobs_stop_no_call_and_a_file_with_an_error_is_used_in_no_part(files: Any) -> None:
    """Half saved, misspelt or of no form: calls go on, the jobs say why there are none, lint says it too."""
    whole = '[[job]]\nname = "a"\nkind = "two_sample"\ntwo_sample = {}\n'
    files.write("configs/shadow/jobs.toml", whole)
    assert [one.name for one in load(files).whole_jobs().job] == ["a"]
    for text in (whole + "[[job]]\n", whole + '[[job]]\nname = "b"\nkin = 1\n', "[[[", "job = 3"):
        files.write("configs/shadow/jobs.toml", text)
        configs = load(files)
        assert configs.jobs is None
        with pytest.raises(ConfigInvalid) as caught:
            configs.whole_jobs()
        assert (caught.value.code, caught.value.remedy) == ("jobs_unreadable", "peak lint")
        assert "configs/shadow/jobs.toml:" in caught.value.message
        assert files.rules()


def test_yaml_is_read_where_toml_is_absent(files: Any) -> None:
    """The same budgets in YAML load; both beside each other are refused."""
    toml = files.read(B)
    (files.root / B).unlink()
    yaml = "configs/ai/budgets.yaml"
    files.write(
        yaml,
        "timezone: Europe/Berlin\nwarn_pct: 80.0\ncurrency: {eur_per_usd: 0.9, as_of: 2026-11-20}\n"
        "run: {max_cost_eur: 5.0}\nday: {max_cost_eur: 50.0}\n",
    )
    from_yaml = load(files).budgets
    assert files.rules() == []
    files.write(B, toml)
    assert refusal(files).details["findings"][0]["rule"] == "file.yaml_beside_toml"
    (files.root / yaml).unlink()
    from_toml = load(files).budgets
    assert from_yaml.limits.limits == from_toml.limits.limits
    assert from_yaml.eur_per_usd == from_toml.eur_per_usd


def test_a_yaml_finding_has_its_place(files: Any) -> None:
    """Positions in YAML come from its own marks."""
    (files.root / B).unlink()
    files.write("configs/ai/budgets.yaml", "warn_pct: 80.0\nrun:\n  max_cost: 5.0\n")
    unknown = [one for one in files.lint() if one.rule == "schema.unknown_key"]
    assert [(one.line, one.column) for one in unknown] == [(3, 3)]


# --- the cache ---------------------------------------------------------------------------------------------


def settle(cache: ConfigCache) -> Configs:
    """Ask until the files count as settled; then the same object comes back each time."""
    while (configs := cache.current()) is not cache.current():
        pass
    return configs


def test_the_cache_gives_the_same_object_while_nothing_changes(files: Any) -> None:
    """No file is read again."""
    cache = ConfigCache(files.ws)
    first = settle(cache)
    assert all(cache.current() is first for _ in range(50))


@pytest.mark.parametrize("name", MAIN)
def test_the_cache_sees_each_change_at_the_next_call(files: Any, name: str) -> None:
    """In place and by rename, at once, however fast the edits follow each other."""
    cache = ConfigCache(files.ws)
    settle(cache)
    kind = dict(zip(MAIN, ("matrix", "models", "prices", "budgets"), strict=True))[name]
    seen = {cache.current().digests[kind]}
    for number in range(9):
        files.write("new", files.read(name)[:-1] + str(number % 10) if number else files.read(name) + "#x")
        if number % 2:
            (files.root / "new").rename(files.root / name)
        else:
            files.write(name, files.read("new"))
        seen.add(cache.current().digests[kind])
    assert len(seen) == 10


@pytest.mark.parametrize("name", MAIN)
def test_the_cache_raises_while_a_file_is_broken_and_heals(files: Any, name: str) -> None:
    """Broken, gone, a folder: refused each time it is asked, until the file is well again."""
    cache = ConfigCache(files.ws)
    settle(cache)
    content, path = files.read(name), files.root / name

    def refused() -> None:
        for _ in range(3):
            with pytest.raises(ConfigInvalid):
                cache.current()

    files.write(name, "[[[")
    refused()
    path.unlink()
    refused()
    path.mkdir()
    refused()
    path.rmdir()
    files.write(name, content)
    assert cache.current().matrix.chain(Layer.L0, Role.PRIMARY)


def test_the_cache_raises_when_configs_vanish(files: Any) -> None:
    """The whole folder renamed away: refused; back again: healed."""
    cache = ConfigCache(files.ws)
    settle(cache)
    (files.root / "configs").rename(files.root / "away")
    with pytest.raises(ConfigInvalid):
        cache.current()
    (files.root / "away").rename(files.root / "configs")
    assert cache.current() is not None


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_the_cache_raises_when_a_file_becomes_unreadable(files: Any) -> None:
    """Permissions alone, without a change of content."""
    cache = ConfigCache(files.ws)
    settle(cache)
    (files.root / M).chmod(0)
    with pytest.raises(ConfigInvalid):
        cache.current()


def test_the_cache_sees_yaml_appear_beside_toml(files: Any) -> None:
    """A file that nobody had looked at yet."""
    cache = ConfigCache(files.ws)
    settle(cache)
    files.write("configs/ai/prices.yml", "price: []\n")
    with pytest.raises(ConfigInvalid):
        cache.current()


def test_the_cache_sees_a_changed_prompt_soon(files: Any) -> None:
    """Prompts are looked at four times a second."""
    cache = ConfigCache(files.ws)
    settle(cache)
    files.write("configs/ai/prompts/writer/1.md", "You write anew.\n")
    deadline = datetime.now(UTC) + timedelta(seconds=60)
    while cache.current().prompts.get("writer@1").text != "You write anew.\n":
        assert datetime.now(UTC) < deadline


def test_the_cache_judges_anew_in_another_phase_and_on_another_day(files: Any) -> None:
    """What is allowed depends on both."""
    files.change(
        M,
        '[L0.critic]\nprovider = "openai"\nmodel_id = "gamma-1"',
        '[L0.critic]\nprovider = "openai"\nmodel_id = "alpha-1"',
    )
    clock = ManualClock()
    cache = ConfigCache(files.ws, clock=clock)
    first = settle(cache)
    with pytest.raises(ConfigInvalid):
        cache.current(PhaseLevel.SHADOW)
    clock.advance(86_400)
    assert settle(cache) is not first


def test_threads_share_one_cache(files: Any) -> None:
    """All see configs, none an exception, while another thread edits."""
    cache = ConfigCache(files.ws)
    settle(cache)
    failures: list[BaseException] = []
    done = threading.Event()

    def ask() -> None:
        try:
            while not done.is_set():
                cache.current()
        except BaseException as error:  # noqa: BLE001 - whatever it is fails the test
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(10):
        files.write("new", files.read(B) + f"# {number}\n")
        (files.root / "new").rename(files.root / B)
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert cache.current().digests["budgets"] == load(files).digests["budgets"]


def test_a_kept_refusal_is_raised_fresh(files: Any) -> None:
    """Each raise is its own exception, so that tracebacks cannot pile up."""
    Path(files.root / M).unlink()
    cache = ConfigCache(files.ws)
    raised = []
    for _ in range(2):
        with pytest.raises(ConfigInvalid) as caught:
            cache.current()
        raised.append(caught.value)
    assert raised[0] is not raised[1]
    assert raised[0].as_dict() == raised[1].as_dict()
