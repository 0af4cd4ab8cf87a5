"""``peak models``: what the workspace knows of each model."""

import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime

import click

from peak_console.cli.options import Invocation, common
from peak_console.cli.output import table, width
from peak_console.config.verifying import Standing
from peak_console.operations.catalogue import ModelFacts, catalogue, find_model, suggest

_NARROW = 100
_UNKNOWN = "unknown"


@click.group("models", epilog="Example: peak models list --provider openai")
def command() -> None:
    """The models: limits, prices, ends, latency seen, and where the matrix uses them."""


@command.command("list", epilog="Example: peak models list --query mini --json")
@click.option("--provider", help="Only this provider's.")
@click.option("--query", help="Only those whose name is like this, the likeliest first.")
@common
def list_command(invocation: Invocation, provider: str | None, query: str | None) -> int:
    """All models that are registered, assigned, priced or were called. Contacts nobody."""
    found = list(catalogue(invocation.workspace(), datetime.now(UTC)))
    if provider is not None:
        found = [one for one in found if one.provider == provider]
    if query:
        by_name = {one.name: one for one in found}
        found = [by_name[name] for name in suggest(found, query, unusable=True)]
    document = {"models": [one.as_dict() for one in found]}
    invocation.reporter.result(document, *(_rows(found) if found else ["no model is known by that"]))
    return 0


@command.command("show", epilog="Example: peak models show openai:gpt-5-mini")
@click.argument("model", metavar="MODEL")
@common
def show_command(invocation: Invocation, model: str) -> int:
    """Everything known of MODEL: <provider>:<model_id>, or its id alone where one provider has it."""
    found = find_model(catalogue(invocation.workspace(), datetime.now(UTC)), model)
    invocation.reporter.result({"models": [found.as_dict()]}, *_told(found))
    return 0


def _rows(found: list[ModelFacts]) -> list[str]:
    head = ["model", "status", "in/out USD", "p95", "calls", "used in"]
    rows = [
        [one.name, one.status, _money(one), _ms(one.p95_ms), _calls(one), ", ".join(one.used_in)]
        for one in found
    ]
    if not width() or width() >= _NARROW:
        head.insert(2, "context")
        for row, one in zip(rows, found, strict=True):
            row.insert(2, f"{one.context_tokens:,}" if one.context_tokens else "")
    return table(head, rows)


def _told(one: ModelFacts) -> Iterator[str]:
    status = f"{one.status} ({one.why})" if one.why else one.status
    facts = {
        "status": status,
        "family": one.family,
        "endpoint": one.endpoint,
        "context": f"{one.context_tokens:,} tokens" if one.context_tokens else "",
        "max output": f"{one.max_output_tokens:,} tokens" if one.max_output_tokens else "",
        "reads": ", ".join(one.modalities) or _UNKNOWN,
        "price": _price(one),
        "retires": _end(one),
        "used in": ", ".join(one.used_in) or "no slot",
        "lock": _lock(one),
        "seen": _seen(one),
    }
    yield one.name
    for key, value in facts.items():
        if value:
            head = f"  {key:<10} "
            yield from textwrap.wrap(
                value, max(40, width() or 100), initial_indent=head, subsequent_indent=" " * len(head)
            )


def _lock(one: ModelFacts) -> str:
    """What the lock says of it, slot by slot; docs/lock.md says what each word is enough for."""
    words = {word for _, word in one.standing}
    if not words:
        return ""
    if words == {Standing.NO_LOCK.value}:
        return "there is none"
    return ", ".join(f"{slot} {word}" for slot, word in one.standing)


def _price(one: ModelFacts) -> str:
    price = one.price
    if price is None:
        return "none: a call would be refused"
    cached = price.cache_read_usd_per_mtok
    parts = [
        f"{price.input_usd_per_mtok} in",
        f"{cached} cached" if cached is not None else "",
        f"{price.output_usd_per_mtok} out, USD for a million tokens",
        f"{price.hosted_call_usd} USD a run of a hosted tool" if price.hosted_call_usd is not None else "",
        f"{price.source}, read {price.as_of}, holds from {price.valid_from}",
    ]
    return "; ".join(part for part in parts if part)


def _end(one: ModelFacts) -> str:
    if one.retires is None:
        return "no date announced" if one.family else ""
    then = f"; its provider names {one.successor} instead" if one.successor else ""
    return f"{one.retires}{then}"


def _seen(one: ModelFacts) -> str:
    if not one.span:
        return "never called"
    return f"{one.calls:,} calls ({one.span}), p50 {_ms(one.p50_ms)}, p95 {_ms(one.p95_ms)}"


def _calls(one: ModelFacts) -> str:
    return f"{one.calls:,} ({one.span})" if one.span else "never"


def _money(one: ModelFacts) -> str:
    price = one.price
    return f"{price.input_usd_per_mtok}/{price.output_usd_per_mtok}" if price else "none"


def _ms(value: float | None) -> str:
    if value is None:
        return _UNKNOWN
    return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms"  # noqa: PLR2004 - milliseconds of a second
