"""Fetching a file of rates from a server: over HTTPS, bounded in size and time. For operators, never for the web.

Errors: RatesUnreachable.
"""

from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

from core.errors import DomainError
from currencies.ecb import LARGEST_FILE_BYTES

ECB_DAILY_URL = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml"
PATIENCE_SECONDS = 20


class RatesUnreachable(DomainError):
    """The server cannot be asked, or does not answer with a file."""

    code = "rates_unreachable"
    title = "No file of rates"


class _NoRedirects(HTTPRedirectHandler):
    """Leads nowhere: who answers is who was asked."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """No further request; the answer stays an error."""


def fetch(url: str) -> bytes:
    """The file at `url`, which begins with https. Raises RatesUnreachable."""
    if urlsplit(url).scheme != "https":
        raise RatesUnreachable("Rates are fetched over https only.", field="url")
    try:
        with build_opener(_NoRedirects).open(url, timeout=PATIENCE_SECONDS) as reply:
            return bytes(reply.read(LARGEST_FILE_BYTES + 1))
    except (URLError, OSError, ValueError) as error:
        raise RatesUnreachable(f"{url} gave no file: {error}.", field="url") from error
