"""A look-alike of Ironclad's public API, as far as contracts and amendments travel to an ERP. See PAGE.md."""

from tieline.twins.ironclad.twin import IroncladTwin as TWIN

__all__ = ["TWIN"]
