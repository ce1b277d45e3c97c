"""What a lab pays for an hour, a kilowatt-hour and a terabyte, in one currency."""

from pydantic import BaseModel, ConfigDict, Field


class Rates(BaseModel):
    """A price list; its version is written on every ledger line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = "2026-11"
    currency: str = "EUR"
    cpu_hour: float = Field(0.04, ge=0, description="an hour of one CPU core")
    gpu_hour: float = Field(2.50, ge=0, description="an hour of one GPU")
    kwh: float = Field(0.25, ge=0, description="a kilowatt-hour, where energy is metered")
    terabyte_month: float = Field(20.0, ge=0, description="a terabyte kept for a month")
