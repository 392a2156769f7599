"""Several hosts on one machine: network namespaces at a bridge of their own, which can be parted from each other."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_NET = "10.77"


def why_not() -> str:
    """What stands in the way of network namespaces here; empty when nothing does."""
    if os.geteuid() != 0:
        return "network namespaces need root: run these tests as root"
    if shutil.which("ip") is None:
        return "`ip` is missing: install iproute2"
    probe = f"tl-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"`ip netns add` is refused here ({made.stderr.strip()}): allow it, or run on a machine of your own"
    subprocess.run(["ip", "netns", "delete", probe], check=True)
    return ""


@dataclass(slots=True)
class Hosts:
    """`home` is the side on which the test itself stands. Addresses are given out in the order of `names`."""

    names: tuple[str, ...]
    mark: str = field(default_factory=lambda: f"{os.getpid() % 100_000:05d}")

    @property
    def _third(self) -> int:
        return int(self.mark) % 250

    @property
    def home(self) -> str:
        return f"{_NET}.{self._third}.254"

    def address(self, name: str) -> str:
        return f"{_NET}.{self._third}.{self.names.index(name) + 1}"

    def start(self, name: str, command: list[str], **words: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(["ip", "netns", "exec", self._space(name), *command], text=True, **words)

    @contextlib.contextmanager
    def silent(self, name: str, towards: str) -> Iterator[None]:
        """Nothing that `name` sends arrives there; what comes from there still does. "" is the test's own side."""
        target = self.address(towards) if towards else self.home
        self._in(name, "ip", "route", "add", "blackhole", f"{target}/32")
        try:
            yield
        finally:
            self._in(name, "ip", "route", "delete", "blackhole", f"{target}/32")

    @contextlib.contextmanager
    def unheard(self, name: str, of: str) -> Iterator[None]:
        """Nothing from there reaches `name`; what it sends still arrives."""
        if of:
            with self.silent(of, name):
                yield
            return
        route = ["blackhole", f"{self.address(name)}/32"]
        subprocess.run(["ip", "route", "add", *route], check=True)
        try:
            yield
        finally:
            subprocess.run(["ip", "route", "delete", *route], check=True)

    def _space(self, name: str) -> str:
        return f"tl{self.mark}{name}"

    def _in(self, name: str, *command: str) -> None:
        subprocess.run(["ip", "netns", "exec", self._space(name), *command], check=True)

    def build(self) -> None:
        bridge = f"tlb{self.mark}"
        _ip("link", "add", bridge, "type", "bridge")
        _ip("address", "add", f"{self.home}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for number, name in enumerate(self.names):
            space, outside = self._space(name), f"tlv{self.mark}{number}"
            _ip("netns", "add", space)
            _ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", space)
            _ip("link", "set", outside, "master", bridge, "up")
            self._in(name, "ip", "address", "add", f"{self.address(name)}/24", "dev", "eth0")
            self._in(name, "ip", "link", "set", "eth0", "up")
            self._in(name, "ip", "link", "set", "lo", "up")

    def remove(self) -> None:
        for name in self.names:
            subprocess.run(["ip", "netns", "delete", self._space(name)], check=False)
        subprocess.run(["ip", "link", "delete", f"tlb{self.mark}"], check=False)


@contextlib.contextmanager
def hosts(*names: str) -> Iterator[Hosts]:
    made = Hosts(names)
    try:
        made.build()
        yield made
    finally:
        made.remove()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
