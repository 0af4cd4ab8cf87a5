"""Types of output that scopes forbid: their names under one spelling, and the checks that mean them. Pure."""

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ORDER_PARAMETERS: Final = "OrderParameters"
EXECUTION_COMMAND: Final = "ExecutionCommand"
RISK_LIMIT_CHANGE: Final = "RiskLimitChange"
LIVE_TOGGLE: Final = "LiveToggle"
PORTFOLIO_REBALANCE: Final = "PortfolioRebalance"
UNLOCK_COMMAND: Final = "UnlockCommand"
GO_APPROVAL: Final = "GoApproval"
CONFIG_CHANGE: Final = "ConfigChange"
CODE: Final = "Code"
SECRETS: Final = "Secrets"

DETECTED: Final = (
    ORDER_PARAMETERS,
    EXECUTION_COMMAND,
    RISK_LIMIT_CHANGE,
    LIVE_TOGGLE,
    PORTFOLIO_REBALANCE,
    UNLOCK_COMMAND,
    GO_APPROVAL,
    CONFIG_CHANGE,
    CODE,
    SECRETS,
)
"""Types that are found by what an answer holds; any other only where an answer declares it."""

_OTHER_NAMES: Final[Mapping[str, str]] = {
    "order": ORDER_PARAMETERS,
    "tradeorder": ORDER_PARAMETERS,
    "readytosendorder": ORDER_PARAMETERS,
    "executiontrigger": EXECUTION_COMMAND,
    "tradecommand": EXECUTION_COMMAND,
    "brokerapicall": EXECUTION_COMMAND,
    "exchangeapicall": EXECUTION_COMMAND,
    "risklimit": RISK_LIMIT_CHANGE,
    "limitchange": RISK_LIMIT_CHANGE,
    "doxliveinstruction": LIVE_TOGGLE,
    "liveinstruction": LIVE_TOGGLE,
    "liveparameter": LIVE_TOGGLE,
    "rebalance": PORTFOLIO_REBALANCE,
    "unlock": UNLOCK_COMMAND,
    "autoapplyapproval": GO_APPROVAL,
    "autoapplyoverride": GO_APPROVAL,
    "configpatch": CONFIG_CHANGE,
    "codepatch": CODE,
    "codechange": CODE,
    "secret": SECRETS,
    "credential": SECRETS,
}

CHECKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "no_order_parameters": ORDER_PARAMETERS,
        "no_orders": ORDER_PARAMETERS,
        "no_execution": EXECUTION_COMMAND,
        "no_execution_trigger": EXECUTION_COMMAND,
        "no_execution_command": EXECUTION_COMMAND,
        "no_risk_limit_change": RISK_LIMIT_CHANGE,
        "no_live_toggle": LIVE_TOGGLE,
        "no_live_parameters": LIVE_TOGGLE,
        "no_live_instructions": LIVE_TOGGLE,
        "no_portfolio_rebalance": PORTFOLIO_REBALANCE,
        "no_rebalance": PORTFOLIO_REBALANCE,
        "no_unlock": UNLOCK_COMMAND,
        "no_go_approval": GO_APPROVAL,
        "no_auto_apply_override": GO_APPROVAL,
        "no_config_change": CONFIG_CHANGE,
        "no_code": CODE,
        "no_code_changes": CODE,
        "no_secrets": SECRETS,
    }
)
"""Constraints and safety checks that forbid a type; ``_in_output`` behind a name changes nothing."""

_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_WORD: Final = re.compile(r"[^0-9a-z]+")
_INVISIBLE: Final = frozenset({"Cf", "Mn", "Me", "Cs", "Co", "Cn"})
_LOOKALIKES: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0455\u0458\u0501\u043a\u043c\u0442\u0432\u043d\u04bb"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0406\u0405\u0408"
    "\u03b1\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
    "\u0131\u2018\u2019\u201c\u201d\u02bc\u00ab\u00bb\u2236\ua789\u02d0",
    'aeopcyxisjdkmtbhhABEKMHOPCTYXISJaeiknoptuxABEZHIKMNOPTYXi\'\'""\'"":::',
)


def folded(text: str) -> str:
    """``text`` under NFKD, without marks and invisible characters, look-alikes as the letters they imitate.

    Line ends stay, so that a place keeps its line.
    """
    text = _CONTROL.sub("", text)
    if text.isascii():
        return text
    stripped = unicodedata.normalize("NFKD", text).translate(_LOOKALIKES)
    return "".join([one for one in stripped if one.isascii() or unicodedata.category(one) not in _INVISIBLE])


def bare(name: str) -> str:
    """A name of a type or key under one spelling: ``Order_Parameters`` and ``orderParameter`` are one."""
    return _WORD.sub("", folded(name).casefold()).removesuffix("s")


def known_as(name: str) -> str | None:
    """Which of :data:`DETECTED` a type's name means; ``None`` where it is known by declaration alone."""
    return _KNOWN.get(bare(name))


def forbidden_by(check: str) -> str | None:
    """The type of output that a constraint or safety check forbids; ``None`` where nobody knows the check."""
    return CHECKS.get(check.removesuffix("_in_output"))


_KNOWN: Final = {**{bare(one): one for one in DETECTED}, **_OTHER_NAMES}
