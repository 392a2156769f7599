"""What lies encrypted in the store opens only where it belongs."""

import stat
from pathlib import Path

import pytest

from tieline.adapters.cipher import AesCipher, key_of
from tieline.kit.errors import Defect


def test_X11_a_ciphertext_moved_to_another_tenant_does_not_open() -> None:
    cipher = AesCipher(b"k" * 32)
    sealed = cipher.seal(b"rate 200", b"effect/acme/01")
    assert cipher.open(sealed, b"effect/acme/01") == b"rate 200"
    with pytest.raises(Defect):
        cipher.open(sealed, b"effect/other/01")


def test_the_same_words_never_look_the_same_twice() -> None:
    cipher = AesCipher(b"k" * 32)
    assert cipher.seal(b"rate 200", b"c") != cipher.seal(b"rate 200", b"c")


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    assert key_of(tmp_path) == key_of(tmp_path)
    assert stat.S_IMODE((tmp_path / "store.key").stat().st_mode) == 0o600
