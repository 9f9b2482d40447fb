"""What people call a device, from what its program calls itself. No ORM."""

from typing import Protocol

BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


class SignedIn(Protocol):
    """What is known of a sign-in."""

    session_key: str
    user_agent: str


def device_name(sign_in: SignedIn) -> str:
    """For example "Firefox on Windows", or what a program calls itself ("curl/8.1"). Nothing is decided by it."""
    agent = sign_in.user_agent
    browser = next((name for mark, name in BROWSERS if mark in agent), None)
    system = next((name for mark, name in SYSTEMS if mark in agent), None)
    if browser:
        return f"{browser} on {system}" if system else browser
    return agent or ("A browser" if sign_in.session_key else "A program")
