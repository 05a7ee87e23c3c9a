"""Where an action sends to: the parts of a URL, and which addresses are on the internet."""

import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Self

from ..errors import GiveUp, Misconfigured

# One strict reading: no user name, no fragment, no character that two parsers could take for two things.
URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[a-f0-9:.]+\])(?::(?P<port>[0-9]{1,5}))?(?P<path>[/?][!-\"$-~]*)?",
    re.ASCII | re.IGNORECASE,
)
PORTS = {"http": 80, "https": 443}

# https://www.iana.org/assignments/ipv6-address-space: all else wraps an IPv4 address (mapped, NAT64) or is kept back.
UNICAST = ip_network("2000::/3")
# What `is_global` lets through: multicast, 6to4 and its relays and, by the version of Python, protocol assignments
# (with Teredo and ORCHID) and documentation.
RANGES = "192.0.0.0/24 192.88.99.0/24 224.0.0.0/4 2001::/23 2002::/16 3fff::/20"
SPECIAL = [ip_network(text) for text in RANGES.split()]

Address = tuple[str, int]


@dataclass(frozen=True)
class Target:
    """A URL taken apart; `path` is what is asked for there, query included."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str, allow_private: bool = False) -> Self:
        """Take a URL apart; Misconfigured, without the URL, which may hold a secret, if it can't be posted to."""
        found = URL.fullmatch(url or "")  # a variable that is not set
        if not found or int(found["port"] or 1) not in range(1, 65536):
            raise Misconfigured(
                "the URL can't be posted to: write https://host/path in ASCII, without user or fragment"
            )
        scheme, path = found["scheme"].lower(), found["path"] or "/"
        if scheme == "http" and not allow_private:
            raise Misconfigured("the URL is http: write https, or allow_private=True for a server of your own network")
        path = path if path.startswith("/") else f"/{path}"
        return cls(scheme, found["host"].lower().strip("[]"), int(found["port"] or PORTS[scheme]), path)

    @property
    def origin(self) -> str:
        """Write scheme, host and port: all that may stand in a log, since even a path can be a secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" if self.port == PORTS[self.scheme] else f"{self.scheme}://{host}:{self.port}"

    def addresses(self, allow_private: bool = False) -> list[Address]:
        """Look the name up; GiveUp if one of its addresses is not on the internet, OSError if it has none."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except UnicodeError as error:  # a label of the name is empty, or too long
            raise OSError("no name") from error
        addresses = [(str(sockaddr[0]), int(sockaddr[1])) for *_, sockaddr in found]
        if not allow_private and not all(is_public(host) for host, _ in addresses):
            raise GiveUp(f"{self.origin} is not on the internet: allow_private=True lets an action go there")
        return addresses


def is_public(address: str) -> bool:
    """Say whether an address is one host's on the internet, and no other kind of address in disguise."""
    ip = ip_address(address)
    return ip.is_global and (ip.version == 4 or ip in UNICAST) and not any(ip in network for network in SPECIAL)
