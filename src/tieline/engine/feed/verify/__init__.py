"""The audit of the audit: walks every chain, compares it with what was signed outside, and says where it first breaks."""

from tieline.engine.feed.verify.findings import Finding, Kind, Report, TenantReport
from tieline.engine.feed.verify.verify import verify

__all__ = ["Finding", "Kind", "Report", "TenantReport", "verify"]
