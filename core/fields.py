"""Field types that the databases need and Django does not have."""

from typing import Any

from django.db import models


class ExactCharField(models.CharField):
    """Text compared byte by byte on both engines: tokens, keys, order and tracking numbers, e-mail addresses.

    MariaDB's default collations hold "p1" = "P1" and every emoji equal; SQLite compares exactly by itself and knows no `utf8mb4_bin`.
    """

    def db_parameters(self, connection: Any) -> Any:
        parameters = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = "utf8mb4_bin"
        return parameters
