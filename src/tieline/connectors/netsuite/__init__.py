"""NetSuite (SuiteTalk REST) as the ERP of a legal entity. See README.md for set-up and MAPPING.md for every field."""

from tieline.connectors.netsuite.connector import NetSuite
from tieline.connectors.netsuite.settings import NetSuiteSettings

__all__ = ["NetSuite", "NetSuiteSettings"]
