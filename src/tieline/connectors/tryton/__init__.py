"""Tryton as ERP: clients, projects, work breakdown, rates, time, invoices and their ledger, over its REST application."""

from tieline.connectors.tryton.connector import Tryton
from tieline.connectors.tryton.settings import CompanySettings, TrytonSettings

__all__ = ["CompanySettings", "Tryton", "TrytonSettings"]
