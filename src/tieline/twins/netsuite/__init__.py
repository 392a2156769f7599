"""A NetSuite account: records by external id, SuiteQL, log-ins, approval routing, periods and a ledger."""

from tieline.twins.netsuite.twin import NetSuiteTwin as TWIN

__all__ = ["TWIN"]
