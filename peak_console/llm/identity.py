"""Whether the model that answers is the one that was asked. Pure."""

from peak_console.domain.calls import CallReason, Failure, OutcomeClass, Usage
from peak_console.domain.text import one_line
from peak_console.llm.bodies import ECHO_LIMIT
from peak_console.llm.router import Hop
from peak_console.llm.striking import Secrets
from peak_console.policy.deny import deny_echo


def misanswered(
    hop: Hop, echo: str, secrets: Secrets, *, usage: Usage | None = None, request_id: str | None = None
) -> Failure | None:
    """Why what the model ``echo`` says is no answer to ``hop``; ``None`` where it is one.

    The hard deny runs on the name. Another model than was asked for (an alias that moved, a silent re-route)
    is no answer either: it has another price and no approval. From shadow on a snapshot that was not verified
    is another model, too. The name is judged as it came, and told without any of ``secrets``.
    """
    denial = deny_echo(echo)
    unverified = hop.usable.bound_to_lock and not hop.usable.lock_knows(echo)
    if denial is None and not unverified and hop.usable.model.echoed_as(echo):
        return None
    echo = secrets.struck(echo)
    shown = one_line(echo, ECHO_LIMIT)
    asked = hop.candidate.entry.model_id
    return Failure(
        CallReason.FORBIDDEN_ECHO if denial else CallReason.UNEXPECTED_ECHO,
        OutcomeClass.STOP if denial else OutcomeClass.NEXT_CANDIDATE,
        _denied(echo, shown)
        if denial
        else f"asked {asked}, {shown!r} answered{', which the lock does not know' if unverified else ''}",
        request_id=request_id,
        usage=usage,
        model_echo=echo,
    )


def _denied(echo: str, shown: str) -> str:
    denial = deny_echo(echo)
    return denial.message if denial else f"served_model {shown!r} is never allowed"
