"""Which product addresses we take: http(s) on a public host, spelled plainly. We never fetch them; staff and a browser open them.

Refused: other schemes, userinfo, ports, IP addresses in any spelling, single-label and reserved host names, control
characters. A non-ASCII host is kept only in its IDNA form, so that what staff see is what opens.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from core.errors import Invalid

MAX_LENGTH = 4000
_LABEL = re.compile(r"^(?!-)[a-z0-9-]{1,63}(?<!-)$")
#: RFC 6761/6762 and names that only mean something inside a network
_RESERVED = {
    "localhost",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "test",
    "invalid",
    "example",
    "onion",
    "arpa",
    "localdomain",
}


class UrlNotAllowed(Invalid):
    code = "url_not_allowed"
    message = _("Please give the product's full public web address (http or https).")


def check_product_url(url: str, *, field: str) -> None:
    """Raise UrlNotAllowed unless this is a plain public http(s) address."""
    if not _is_allowed(url):
        raise UrlNotAllowed(field=field)


def _is_allowed(url: str) -> bool:
    # Not printable: also the signs that are not seen, or that turn the direction of what follows.
    if len(url) > MAX_LENGTH or any(not char.isprintable() or char in " \\" for char in url):
        return False
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").rstrip(".")
    except ValueError:
        return False
    if parts.scheme.lower() not in ("http", "https") or "@" in parts.netloc or port not in (None, 80, 443):
        return False
    return _is_public_host(host)


def _is_public_host(host: str) -> bool:
    try:
        ascii_host = host.encode("idna").decode().lower()
    except UnicodeError:
        return False
    labels = ascii_host.split(".")
    if len(ascii_host) > 253 or len(labels) < 2 or not all(_LABEL.match(label) for label in labels):
        return False
    # A last label that is a number makes browsers read the whole as an IPv4 address, whatever its spelling.
    if labels[-1] in _RESERVED or re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        return False
    try:
        ipaddress.ip_address(ascii_host)
    except ValueError:
        return True
    return False
