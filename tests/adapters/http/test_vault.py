"""Secrets come from where the settings point, or the connection is told what is wrong, without showing anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tieline.adapters.vault import EnvFileVault
from tieline.kit.errors import CredentialInvalid


def secret_file(folder: Path, content: bytes = b"s3cret\n", mode: int = 0o600, owner: int | None = None) -> Path:
    path = folder / "token"
    path.write_bytes(content)
    path.chmod(mode)
    if owner is not None:
        os.chown(path, owner, owner)
    return path


def test_a_secret_is_read_from_the_environment_and_does_not_print() -> None:
    secret = EnvFileVault({"ERP_TOKEN": "s3cret"}).secret("env:ERP_TOKEN")
    assert secret.reveal() == "s3cret" and "s3cret" not in f"{secret} {secret!r}"


def test_a_secret_is_read_from_a_file_without_its_last_line_break(tmp_path: Path) -> None:
    assert EnvFileVault().secret(f"file:{secret_file(tmp_path)}").reveal() == "s3cret"


def test_a_changed_file_gives_the_changed_secret(tmp_path: Path) -> None:
    vault, path = EnvFileVault(), secret_file(tmp_path)
    assert vault.secret(f"file:{path}").reveal() == "s3cret"
    path.write_bytes(b"rotated")
    assert vault.secret(f"file:{path}").reveal() == "rotated"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o622])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = secret_file(tmp_path, mode=mode, owner=12345)
    with pytest.raises(CredentialInvalid, match="chmod 600"):
        EnvFileVault().secret(f"file:{path}")


@pytest.mark.parametrize(
    "reference", ["env:", "env:MISSING", "file:", "file:relative", "file:/nowhere/x", "file:/tmp", "hunter2", ""]
)
def test_a_reference_that_leads_nowhere_is_a_sentence_about_the_reference(reference: str) -> None:
    with pytest.raises(CredentialInvalid) as raised:
        EnvFileVault({}).secret(reference)
    assert raised.value.detail.endswith(".") and "hunter2" not in raised.value.detail


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"x" * 70_000])
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CredentialInvalid):
        EnvFileVault().secret(f"file:{secret_file(tmp_path, content)}")
