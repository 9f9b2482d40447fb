"""The daily digest as a mail: for staff, in English, with times by the company's clock."""

from collections.abc import Iterator
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from notifications.digests.selectors import Digest, Entry, day_in_journal
from notifications.templating import one_line

THINGS_AT_MOST = 3


def digest_letter(digest: Digest) -> tuple[str, str]:
    """Subject and body."""
    entries = "1 entry" if digest.count == 1 else f"{digest.count} entries"
    return one_line(f"Journal of {digest.company} on {digest.day}: {entries}"), "\n".join(_lines(digest))


def _lines(digest: Digest) -> Iterator[str]:
    yield f"The journal of {digest.company} on {digest.day} ({digest.company.zone.key})."
    if digest.entries:
        yield "\nWorth a look:\n"
        for entry in digest.entries:
            yield from _lines_of(digest, entry)
        if digest.important_count > len(digest.entries):
            yield f"… and {digest.important_count - len(digest.entries)} more of this kind."
    yield "\nAll entries by command:\n"
    for action, count in digest.counts:
        yield f"{count:>7}  {action}"
    start, end = day_in_journal(digest.company, digest.day)
    query = urlencode({"at__gte": start.isoformat(), "at__lt": end.isoformat()})
    yield f"\nThe whole day: {_address('admin:audit_change_changelist')}?{query}"
    yield f"No longer wanted? {_address('admin:notifications_digestwish_changelist')}"


def _lines_of(digest: Digest, entry: Entry) -> Iterator[str]:
    change = entry.change
    yield f"{change.at.astimezone(digest.company.zone):%H:%M}  {change.action} by {change.actor}"
    more = len(entry.things) - THINGS_AT_MOST
    things = "; ".join(entry.things[:THINGS_AT_MOST]) + (f"; {more} more" if more > 0 else "")
    for detail in (things, change.reason):
        if detail:
            yield f"       {one_line(detail)}"
    yield f"       {_address('admin:audit_change_change', change.pk)}"


def _address(name: str, *arguments: int) -> str:
    return f"{settings.PUBLIC_URL}{reverse(name, args=arguments)}"
