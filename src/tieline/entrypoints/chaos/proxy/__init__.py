"""A network that breaks: stands between two processes and spoils some exchanges, drawn from a seed, until it is told to heal."""

from __future__ import annotations

from tieline.entrypoints.chaos.proxy.lines import Place, Proxy, opened
from tieline.entrypoints.chaos.proxy.weather import KINDS, Breakage, Weather

__all__ = ["KINDS", "Breakage", "Place", "Proxy", "Weather", "opened"]
