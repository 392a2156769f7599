"""Secrets are references in configuration and values only at the moment of use."""

from __future__ import annotations

from typing import Protocol


class Secret:
    """A value that cannot be printed, formatted, compared or serialised by accident."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not serialised")


class Vault(Protocol):
    def secret(self, reference: str) -> Secret:
        """`env:NAME`, `file:path`. Raises CredentialInvalid when it cannot be had."""
        ...
