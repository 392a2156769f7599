"""A key-value system with one resource per operation class, for the engine's own tests."""

from tieline.twins.kv.twin import KeyValueTwin as TWIN

__all__ = ["TWIN"]
