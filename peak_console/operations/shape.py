"""What every printed shape has in common: fields that stand beside those it names are let through."""

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Field(pattern=r"^[0-9a-f]{64}$")


class Shape(BaseModel):
    """A document, or a part of one."""

    model_config = ConfigDict(extra="allow")
