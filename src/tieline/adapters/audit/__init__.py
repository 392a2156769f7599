"""The audit's outside: the file that roots are appended to, and the key that signs them."""

from tieline.adapters.audit.record import FileSink
from tieline.adapters.audit.signing import Ed25519Keys, Ed25519Signer, signer_of

__all__ = ["Ed25519Keys", "Ed25519Signer", "FileSink", "signer_of"]
