"""Secrets from the environment and from files (`ports.vault.Vault`). Nothing is remembered: rotation needs no restart."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from tieline.kit.errors import CredentialInvalid
from tieline.ports.vault import Secret

_BYTES_MAX = 64 * 1024


class EnvFileVault:
    """Reads `env:NAME` and `file:/path`. Errors name the reference, never the value."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment

    def secret(self, reference: str) -> Secret:
        scheme, _, name = reference.partition(":")
        if scheme == "env" and name:
            return self._from_environment(name)
        if scheme == "file" and name:
            return _from_file(Path(name))
        # The text may be the secret itself, pasted where its reference belongs: it is not repeated.
        raise CredentialInvalid(
            "A secret must be referred to as env:NAME or file:/path; the settings hold something else."
        )

    def _from_environment(self, name: str) -> Secret:
        value = self._environment.get(name, "")
        if not value:
            raise CredentialInvalid(f"The secret env:{name} is not set: set that variable and try again.")
        return Secret(value)


def _from_file(path: Path) -> Secret:
    if not path.is_absolute():
        raise CredentialInvalid(f"The secret file:{path} must be given as an absolute path.")
    try:
        with path.open("rb") as file:
            _check_owner(os.fstat(file.fileno()), path)
            content = file.read(_BYTES_MAX + 1)
    except OSError:
        raise CredentialInvalid(
            f"The secret file:{path} cannot be read: check that it exists and who owns it."
        ) from None
    if len(content) > _BYTES_MAX:
        raise CredentialInvalid(f"The secret file:{path} is larger than {_BYTES_MAX} bytes, so it is not a secret.")
    try:
        value = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise CredentialInvalid(f"The secret file:{path} is not text.") from None
    if not value:
        raise CredentialInvalid(f"The secret file:{path} is empty.")
    return Secret(value)


def _check_owner(facts: os.stat_result, path: Path) -> None:
    """Others may read it only where root mounted it: that is how container platforms hand in secrets."""
    if not stat.S_ISREG(facts.st_mode):
        raise CredentialInvalid(f"The secret file:{path} is not a regular file.")
    if facts.st_mode & (stat.S_IRWXG | stat.S_IRWXO) and facts.st_uid != 0:
        raise CredentialInvalid(f"The secret file:{path} can be read by others: run chmod 600 on it.")
    if facts.st_mode & stat.S_IWOTH:
        raise CredentialInvalid(f"The secret file:{path} can be changed by everybody: run chmod 600 on it.")
