"""The hash chains of journal and ledger: one way to turn what a row says into a hash."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def digest_of(*said: Any) -> str:
    """SHA-256 over JSON with sorted keys; times count as whole microseconds since 1970."""
    plain = [(value - EPOCH) // timedelta(microseconds=1) if isinstance(value, datetime) else value for value in said]
    return hashlib.sha256(json.dumps(plain, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
