"""The shapes of what ``peak arm`` prints as JSON."""

from typing import Any

from pydantic import BaseModel, Field

from peak_console.domain.arming import ArmState
from peak_console.operations.shape import Shape


class ArmRequestedShape(Shape):
    """``peak arm request``; ``token`` is there only with ``--token-fd 1``."""

    request_id: str
    phrase: str
    token_valid_s: int = Field(ge=1)
    needs_approval: bool


class ArmApprovedShape(Shape):
    """``peak arm approve``."""

    request_id: str
    approved_by: str
    requester: str


class ArmLeaseShape(Shape):
    """What is armed; ``left_s`` on the clock that ends first. A drill is accepted by no gate."""

    lease_id: str
    scope: str
    run_id: str
    actor: str
    drill: bool
    granted_at: str
    expires_at: str
    left_s: float = Field(ge=0)


class ArmConfirmedShape(Shape):
    """``peak arm confirm``."""

    armed: ArmLeaseShape


class ArmWithdrawnShape(Shape):
    """``peak arm withdraw``; false where the request did not stand any more."""

    request_id: str
    withdrawn: bool


class ArmStatusShape(Shape):
    """``peak arm status``; ``problem`` says why the node did not answer."""

    state: ArmState
    locked_until: str | None
    two_person: bool
    refusals: list[str]
    drill_refusals: list[str]
    request: dict[str, Any] | None
    armed: ArmLeaseShape | None
    past: list[dict[str, Any]]
    problem: str | None


ARMING_SHAPES: dict[str, type[BaseModel]] = {
    "arm-approve": ArmApprovedShape,
    "arm-confirm": ArmConfirmedShape,
    "arm-request": ArmRequestedShape,
    "arm-status": ArmStatusShape,
    "arm-withdraw": ArmWithdrawnShape,
}
