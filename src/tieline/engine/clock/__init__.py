"""Business time in a running hub: the wall clock made steady, or in a rehearsal one that is moved through the store."""

from tieline.engine.clock.journey import Journey, ask_for, standing
from tieline.engine.clock.keeping import kept
from tieline.engine.clock.moved import MovedClock, SteadyClock

__all__ = ["Journey", "MovedClock", "SteadyClock", "ask_for", "kept", "standing"]
