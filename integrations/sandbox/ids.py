"""Random ids in the look of the services'."""

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits


def make_id(prefix: str, *, length: int = 23) -> str:
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))
