"""Where a request comes from."""

from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest


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
