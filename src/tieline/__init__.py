"""Tieline keeps the systems of a professional-services firm in step, from signature to recognised revenue."""

__version__ = "0.1.0"
