"""Where the product may connect to. Addresses are judged after the name was resolved, and only judged ones are dialled.

Checking a name and then connecting by name would resolve it twice; whoever owns the name could answer differently.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from tieline.kit.errors import Blocked, Unavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

_HOST = re.compile(r"^(?!-)[a-z0-9-]{1,63}(\.(?!-)[a-z0-9-]{1,63})*$")
_NUMBER_LABEL = re.compile(r"^(0x[0-9a-f]*|[0-9]+)$")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NEVER = tuple(
    ipaddress.ip_network(net) for net in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "192.0.0.192/32", "0.0.0.0/8")
)
_CODE = "ADDRESS_REFUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A checked base address, split into what a connection needs. `prefix` has no trailing slash."""

    scheme: str
    host: str
    port: int
    prefix: str

    @property
    def authority(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.scheme == "https" else 80) else f"{name}:{self.port}"


def parse_origin(url: str, *, allow_private: bool) -> Origin:
    """The parts of a configured base address. Raises Blocked when the address is not one we may use."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise _refused(url, "is not a web address") from None
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not allow_private):
        raise _refused(host, "must be reached with https; plain http is for rehearsals on private addresses only")
    if "@" in parts.netloc:
        raise _refused(host, "must not carry a user or password in the address; use a secret reference")
    if parts.query or parts.fragment or any(c <= " " or c == "\\" for c in url):
        raise _refused(host, "must be given without query, fragment or blanks")
    _check_name(host)
    return Origin(scheme=parts.scheme, host=host, port=port, prefix=parts.path.rstrip("/"))


async def resolve(host: str, port: int) -> list[str]:
    """Every address of `host`, in the system's order."""
    answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


async def checked_addresses(host: str, port: int, *, allow_private: bool, resolver: Resolver = resolve) -> list[str]:
    """The addresses to dial. One forbidden answer refuses them all: a mixed answer is how rebinding starts."""
    try:
        found = await resolver(host, port)
    except OSError:
        raise Unavailable(f"The name {host} cannot be resolved at present.") from None
    if not found:
        raise Unavailable(f"The name {host} has no address at present.")
    for text in found:
        check_address(text, host, allow_private=allow_private)
    return list(found)


def check_address(text: str, host: str, *, allow_private: bool) -> None:
    """Raises Blocked for an address that the product must not talk to."""
    try:
        address = _innermost(ipaddress.ip_address(text))
    except ValueError:
        raise _refused(host, "resolves to something that is not an address") from None
    if address.is_multicast or address.is_unspecified or any(address in net for net in _NEVER if _same(address, net)):
        raise _refused(host, "leads to a link-local, multicast or unspecified address, which is never allowed")
    if not allow_private and not address.is_global:
        raise _refused(host, "leads to a private address; only rehearsals may, with allow_private_addresses: true")


def _innermost(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for: mapped, 6to4 and NAT64 forms reach the embedded host."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _same(address: Address, net: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    return address.version == net.version


def _check_name(host: str) -> None:
    if ":" in host:
        _parse(host)
    elif host.endswith("."):
        raise _refused(host, "must be written without a trailing dot")
    elif not host.isascii() or not _HOST.match(host):
        raise _refused(host, "is not a plain host name; write international names in their xn-- form")
    elif _NUMBER_LABEL.match(host.rsplit(".", 1)[-1]):
        _parse(host)  # only the plain dotted form: decimal, octal and short forms fail here


def _parse(host: str) -> None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise _refused(host, "must be an ordinary dotted or IPv6 address") from None


def _refused(host: str, why: str) -> Blocked:
    return Blocked(f"The address {host or '(empty)'} {why}.", code=_CODE)
