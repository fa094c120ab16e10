"""How a product's address is shown: as a link only if it would be taken today, and its host always whole, so that nobody is sent astray."""

from urllib.parse import urlsplit

from core.errors import BidangilError
from workflow.product_urls import check_product_url


def shop_link(url: str) -> tuple[str, str, str]:
    """(address to link to or "", host, what follows it). Anything but a plain public web address is text and nothing else."""
    try:
        check_product_url(url, field="url")
        host = urlsplit(url).netloc
    except (BidangilError, ValueError):
        return "", "", url
    return url, host, url[url.index(host) + len(host) :]
