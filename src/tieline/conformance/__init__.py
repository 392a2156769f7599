"""The exam that every connector sits: the same promises for all, switched by what its manifest declares.

It never starts or imports a twin: whoever runs it hands in an `ExamTarget`.
"""

from tieline.conformance.exam import Check, checks_for, run_check, run_exam
from tieline.conformance.proxy import FaultProxy, WireFault
from tieline.conformance.report import CheckResult, ExamReport, Waiver
from tieline.conformance.target import ExamTarget, SampleTerms, SourceSide, Truth

__all__ = [
    "Check",
    "CheckResult",
    "ExamReport",
    "ExamTarget",
    "FaultProxy",
    "SampleTerms",
    "SourceSide",
    "Truth",
    "Waiver",
    "WireFault",
    "checks_for",
    "run_check",
    "run_exam",
]
