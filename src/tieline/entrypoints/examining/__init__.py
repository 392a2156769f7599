"""`tieline exam`: gives every connector a running counterpart and lets it sit the exam."""

from tieline.entrypoints.examining.sitting import examinees, run, sit

__all__ = ["examinees", "run", "sit"]
