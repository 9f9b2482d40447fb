"""What the journal keeps of signing in: entries that change no row, read by the auditors of the user's companies.

Attackers cannot flood it. A failure is recorded when it is counted (``accounts.attempts``), so that there are at most
ten from one address, and ten on one account, in any quarter of an hour, and one lock-out at the end; what is refused
while the account or the address is locked is recorded nowhere. No password and no token stands in an entry.

Whoever signs somebody in or out calls these; each joins the caller's transaction, or makes a short one.
"""

from accounts.attempts import Counter
from accounts.models import User
from accounts.selectors import only_company_id
from audit.actors import Actor, SystemActor
from audit.services import recording

SIGNED_IN = "user.signed_in"
SIGNED_OUT = "user.signed_out"
SIGN_IN_FAILED = "user.sign_in_failed"
LOCKED_OUT = "user.locked_out"
RESET_REQUESTED = "user.password_reset_requested"
EVENTS = (SIGNED_IN, SIGNED_OUT, SIGN_IN_FAILED, LOCKED_OUT, RESET_REQUESTED)

SIGN_IN = SystemActor("system:sign-in")
"""Who acts where nobody is known yet."""


def record_sign_in(user: User, *, address: str = "", detail: str = "") -> None:
    """`user` signed in from `address` ("": unknown). `detail` is a sentence about how."""
    _record(user, SIGNED_IN, _from(address), detail)


def record_sign_out(user: User, *, address: str = "", detail: str = "") -> None:
    """`user` ended a sign-in, or somebody ended it for them, which `detail` then says."""
    _record(user, SIGNED_OUT, _from(address), detail)


def record_failed_sign_in(user: User | None, *, email: str, address: str = "", detail: str = "") -> None:
    """Somebody gave `email` with a wrong password or code; `user` is who signs in with it, if anybody does."""
    _record(user or SIGN_IN, SIGN_IN_FAILED, _attempt(email, address), detail)


def record_lock_out(user: User | None, *, counter: Counter) -> None:
    """The limit of `counter` is reached: its account or address is locked for the limit's window."""
    limit = counter.limit
    minutes = limit.window_seconds // 60
    _record(
        user or SIGN_IN,
        LOCKED_OUT,
        f"{limit.attempts} {limit.name} in {minutes} minutes: {printable(counter.subject)}.",
    )


def record_reset_request(user: User | None, *, email: str, address: str = "") -> None:
    """Somebody asked for a link that leads to a new password."""
    _record(user or SIGN_IN, RESET_REQUESTED, _attempt(email, address))


def printable(text: str) -> str:
    """What may stand in the journal of a text that anybody may have typed."""
    return "".join(character for character in text if character.isprintable())[:254]


def _record(actor: Actor, action: str, *sentences: str) -> None:
    company_id = only_company_id(actor) if isinstance(actor, User) else None
    with recording(actor=actor, action=action, company_id=company_id, reason=" ".join(filter(None, sentences))):
        pass


def _from(address: str) -> str:
    return f"From {address}." if address else ""


def _attempt(email: str, address: str) -> str:
    return f"As {printable(email)} from {address}." if address else f"As {printable(email)}."
