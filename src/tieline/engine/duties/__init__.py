"""Periodic work that belongs to no lane: one leaseholder for each duty among any number of schedulers."""

from tieline.engine.duties.duty import Duty, DutyLost, Term, fence, term
from tieline.engine.duties.runner import Runner

__all__ = ["Duty", "DutyLost", "Runner", "Term", "fence", "term"]
