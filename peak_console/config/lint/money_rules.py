"""The rules of money: budgets, the rate, prices. Words only."""

from typing import Final

from peak_console.config.lint.finding import Rule, Severity

MONEY_RULES: Final = (
    Rule(
        "budget.missing",
        "No budget for a run or a day",
        "A missing limit is never read as unlimited: without a limit on the cost or tokens of a run and "
        "of a day every call is refused.",
        "add the table with max_cost_eur",
        blocks=False,
    ),
    Rule(
        "budget.zero",
        "A budget of zero",
        "A limit of zero denies every call of its scope. That may be meant; it is named so that nobody "
        "wonders.",
        "raise the limit, or leave it if nothing should be called",
        severity=Severity.WARNING,
    ),
    Rule(
        "budget.warn_order",
        "The warning does not come before the limit",
        "`warn_pct` is a share of a limit. At 0 it always warns, from 100 on it warns when it is too late.",
        "set warn_pct between 0 and 100, for example 80.0",
        blocks=False,
    ),
    Rule(
        "budget.limit_order",
        "A narrow limit above a wide one",
        "A call lies within a run, a run within a day, a day within a month. A narrower limit above a "
        "wider one never binds, so one of the two numbers is not what was meant.",
        "lower the narrower limit or raise the wider one",
        severity=Severity.WARNING,
    ),
    Rule(
        "budget.rate_missing",
        "No currency rate",
        "Prices are in USD and budgets in EUR. Without a dated rate every call is refused.",
        "add [currency] with eur_per_usd and as_of",
        blocks=False,
    ),
    Rule(
        "budget.stale_rate",
        "The currency rate is older than 30 days",
        "Costs in EUR drift away from the bill.",
        "write the rate of today with its date",
        severity=Severity.WARNING,
    ),
    Rule(
        "budget.future_rate",
        "The currency rate is dated in the future",
        "A date to come is a mistake, and would hide that the rate grows old.",
        "write the day on which the rate was read",
        severity=Severity.WARNING,
    ),
    Rule(
        "price.missing",
        "A model without a price",
        "A call whose cost cannot be bounded is refused. The router takes the next candidate.",
        "add a [[price]] for it to configs/ai/prices.toml, with its source",
        blocks=False,
    ),
    Rule(
        "price.duplicate",
        "Two prices for one model and day",
        "Nobody can say which of the two holds.",
        "keep one of them",
    ),
    Rule(
        "price.zero",
        "A price of nothing",
        "Budgets on cost would not see the model's use. Where it is true, limits on tokens and calls "
        "still bind.",
        "write the price; leave it only where the provider takes nothing",
        severity=Severity.WARNING,
    ),
)
