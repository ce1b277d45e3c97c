"""How the reels of a lab stand, read from its ledger and its leases."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from tasks.lab import Lab
from tasks.lease import is_leased


class ReelState(BaseModel):
    """How one reel stands."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reel: str
    busy: bool
    last_stage: str
    last_seen: datetime
    made: int
    recalled: int
    failed: int
    cut_short: int
    money: float
    currency: str


def reel_states(lab: Lab) -> list[ReelState]:
    """Every reel the ledger knows, the one touched last first."""
    reading = lab.ledger.read()
    states = []
    for reel in dict.fromkeys(line.reel for line in reading.lines):
        lines = [line for line in reading.lines if line.reel == reel]
        ended = [line for line in lines if line.status != "begun"]
        states.append(
            ReelState(
                reel=reel,
                busy=is_leased(lab.leases, reel),
                last_stage=lines[-1].treatment or lines[-1].stage,
                last_seen=lines[-1].time,
                made=sum(line.status == "done" and not line.cache_hit for line in ended),
                recalled=sum(line.cache_hit for line in ended),
                failed=sum(line.status == "failed" for line in ended),
                cut_short=sum(line.reel == reel for line in reading.unended),
                money=sum(line.money for line in ended),
                currency=lab.rates.currency,
            )
        )
    return sorted(states, key=lambda state: state.last_seen, reverse=True)
