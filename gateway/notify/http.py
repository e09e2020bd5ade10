"""One POST to a channel over HTTP: total deadline, capped answer, TLS verified, no redirects, only to where it may go."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from socket import socket

import requests
import urllib3

from gateway.errors import AccessDenied, ChannelUnavailable, GatewayError, SettingMissing
from gateway.http_session import Watchdog, loopback, plain_session
from gateway.notify.address import Address

_SECONDS = 15.0
_CONNECT = 5.0
_CAP = 65_536  # bytes of an answer
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Reply:
    """What the other side answered."""

    status: int
    body: bytes


class Post:
    """Sends to the address of one connection; `path` and query are the caller's."""

    def __init__(self, address: Address, networks: Sequence[Network] = ()) -> None:
        """Take where it may go: hosts in `networks`; without them any but this machine, unless it is named as such."""
        self._address, self._networks = address, tuple(networks)
        host = f"[{address.host}]" if ":" in address.host else address.host
        self.origin = f"{address.scheme}://{host}:{address.port}"
        self._session = plain_session()

    def close(self) -> None:
        """Drop the connections; may be called twice."""
        self._session.close()

    def send(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Return the answer to a POST, whatever its status; ChannelUnavailable when there is none within the time."""
        told = {**headers, "Accept-Encoding": "identity", "User-Agent": "exchange-gateway"}
        with _Guard(self._address, self._networks) as guard, self._worded(guard):
            request = self._session.prepare_request(requests.Request("POST", self.origin + path, told, data=body))
            with self._session.send(
                request, stream=True, timeout=(_CONNECT, _SECONDS), allow_redirects=False, proxies={},
                verify=self._address.ca or True,
            ) as response:  # fmt: skip
                reply = Reply(response.status_code, response.raw.read(_CAP + 1, decode_content=False))
        if guard.late or len(reply.body) > _CAP:  # an answer looks whole when its socket is shut
            raise self._silent()
        return reply

    @contextmanager
    def _worded(self, guard: Watchdog) -> Iterator[None]:
        try:
            yield
        except GatewayError:
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._failure(error, late=guard.late) from None  # the original tells addresses and secrets

    def _failure(self, error: Exception, *, late: bool) -> GatewayError:
        if not late and isinstance(error, requests.exceptions.SSLError | ssl.SSLError):
            return AccessDenied(
                f"channel {self._address.name}: its TLS certificate is not accepted",
                "Check host name and ca of the connection, and that the certificate has not expired.",
            )
        if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidHeader):
            return SettingMissing(f"channel {self._address.name} cannot be asked", "Check its connection.")
        return self._silent()

    def _silent(self) -> ChannelUnavailable:
        return ChannelUnavailable(
            f"channel {self._address.name} does not answer, or broke off",
            "Check that it is up; what waits is sent when it is.",
        )


class _Guard(Watchdog):
    """Shuts a request that takes too long, and refuses one to where it may not go before anything is sent."""

    def __init__(self, address: Address, networks: Sequence[Network]) -> None:
        super().__init__(_SECONDS)
        self._address, self._networks = address, networks

    def notice(self, connected: socket | None) -> None:
        """Look where the name led: what a name server says may change from one question to the next."""
        super().notice(connected)
        if connected is None:
            return
        peer = ipaddress.ip_address(connected.getpeername()[0].partition("%")[0])
        if not self._may_go(peer):
            connected.close()
            raise AccessDenied(
                f"channel {self._address.name} leads to an address that is not allowed",
                "List the networks of its hosts in allow= of the connection.",
            )

    def _may_go(self, peer: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        if self._networks:
            return any(peer.version == n.version and peer in n for n in self._networks)
        inside = peer.is_loopback or peer.is_link_local or peer.is_multicast or peer.is_unspecified
        return not inside or (peer.is_loopback and loopback(self._address.host))


def networks(address: Address) -> tuple[Network, ...]:
    """Return what option `allow` of a connection lists; SettingMissing when that is no list of networks."""
    try:
        return tuple(ipaddress.ip_network(text) for text in address.options.get("allow", "").split(",") if text)
    except ValueError:
        raise SettingMissing(
            f"channel {address.name}: allow= of the connection is no list of networks",
            "Write allow=10.13.0.0/16,10.14.2.7 with the networks or addresses of its hosts.",
        ) from None
