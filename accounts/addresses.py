"""Where a request comes from."""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest

USER_AGENT_CHARACTERS = 200


@dataclass(frozen=True)
class Origin:
    """Where a sign-in is used from: an IP address, and what the program there calls itself; "" where unknown."""

    address: str = ""
    user_agent: str = ""


UNKNOWN = Origin()


def origin_of(request: HttpRequest) -> Origin:
    """Where a request comes from, and by which program."""
    typed = request.META.get("HTTP_USER_AGENT", "")
    printable = "".join(character for character in typed if character.isprintable())
    return Origin(client_address(request), printable[:USER_AGENT_CHARACTERS])


def client_address(request: HttpRequest | None) -> str:
    """The IP address of the caller, "" where it is unknown (a command, a Unix socket).

    It is the peer's, unless TRUSTED_PROXIES says how many proxies of ours stand in front: each appends the address it
    saw to X-Forwarded-For, so the caller's is that many places from the end, and whatever stands before it is hearsay.
    """
    if request is None:
        return ""
    peer = _parsed(request.META.get("REMOTE_ADDR", ""))
    proxies: int = settings.TRUSTED_PROXIES
    if proxies < 1:
        return peer
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    return (_parsed(hops[-proxies]) if len(hops) >= proxies else "") or peer


def _parsed(text: str) -> str:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address)
