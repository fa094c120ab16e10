"""Everything the sandbox remembers: JSON documents by kind and id, in one SQLite file in WAL mode.

A document is written and committed before the answer that tells of it leaves, so a kill -9 loses nothing that was acknowledged. One
connection, used from the event loop's thread only: a request's work runs from start to end without another one in between.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Document = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (kind, id)
);
CREATE INDEX IF NOT EXISTS documents_in_order ON documents (kind, seq);
CREATE INDEX IF NOT EXISTS documents_by_intent ON documents (kind, json_extract(body, '$.payment_intent'));
CREATE INDEX IF NOT EXISTS documents_by_status ON documents (kind, json_extract(body, '$.status'));
"""


class Books:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=10)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(_SCHEMA)
        self._depth = 0

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or none of it; an inner block joins the outer one."""
        if self._depth == 0:
            self._connection.execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
        except BaseException:
            if self._depth == 1:
                self._connection.execute("ROLLBACK")
            raise
        else:
            if self._depth == 1:
                self._connection.execute("COMMIT")
        finally:
            self._depth -= 1

    def put(self, kind: str, doc_id: str, body: Mapping[str, Any]) -> None:
        self._connection.execute(
            "INSERT INTO documents (kind, id, body) VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            (kind, doc_id, json.dumps(body, ensure_ascii=False)),
        )

    def get(self, kind: str, doc_id: str) -> Document | None:
        row = self._connection.execute("SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, doc_id)).fetchone()
        return None if row is None else json.loads(row[0])

    def put_new(self, kind: str, documents: Mapping[str, Mapping[str, Any]]) -> None:
        """Many at once, by id; those that are there already stay as they are."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO documents (kind, id, body) VALUES (?, ?, ?)",
            ((kind, doc_id, json.dumps(body, ensure_ascii=False)) for doc_id, body in documents.items()),
        )

    def get_many(self, kind: str, ids: Sequence[str]) -> dict[str, Document]:
        """Those that are there, in one query; for as many ids as one request can name."""
        marks = ",".join("?" * len(ids))
        rows = self._connection.execute(f"SELECT id, body FROM documents WHERE kind = ? AND id IN ({marks})", (kind, *ids))  # noqa: S608
        return {doc_id: json.loads(body) for doc_id, body in rows}

    def delete(self, kind: str, doc_id: str) -> None:
        self._connection.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, doc_id))

    def position(self, kind: str, doc_id: str) -> int | None:
        row = self._connection.execute("SELECT seq FROM documents WHERE kind = ? AND id = ?", (kind, doc_id)).fetchone()
        return None if row is None else int(row[0])

    def find(
        self,
        kind: str,
        *,
        where: "Sequence[Condition | AnyOf] | None" = None,
        before: int | None = None,
        after: int | None = None,
        limit: int = -1,
        oldest_first: bool = False,
    ) -> list[Document]:
        """Documents of one kind, newest first unless told. `before` and `after` are positions."""
        clauses: list[str] = ["kind = ?"]
        values: list[Any] = [kind]
        for condition in where or []:
            clauses.append(condition.sql)
            values.extend(condition.values)
        for bound, sign in ((before, "<"), (after, ">")):
            if bound is not None:
                clauses.append(f"seq {sign} ?")
                values.append(bound)
        order = "ASC" if oldest_first else "DESC"
        # only constants and Condition's own checked words are joined into the text; every value is bound
        sql = f"SELECT body FROM documents WHERE {' AND '.join(clauses)} ORDER BY seq {order} LIMIT ?"  # noqa: S608
        return [json.loads(row[0]) for row in self._connection.execute(sql, (*values, limit))]

    def trim(self, kind: str, *, keep: int) -> None:
        self._connection.execute(
            "DELETE FROM documents WHERE kind = ? AND seq <= (SELECT seq FROM documents WHERE kind = ? ORDER BY seq DESC LIMIT 1 OFFSET ?)",
            (kind, kind, keep),
        )

    def clear(self, *kinds: str) -> None:
        """Forgets these kinds; without a name, everything."""
        with self.transaction():
            if not kinds:
                self._connection.execute("DELETE FROM documents")
            for kind in kinds:
                self._connection.execute("DELETE FROM documents WHERE kind = ?", (kind,))


class Condition:
    """One comparison on a document's field, e.g. `Condition("created", ">=", 1795334000)`."""

    _SIGNS = frozenset({"=", "<", "<=", ">", ">="})

    def __init__(self, field: str, sign: str, value: Any) -> None:
        if sign not in self._SIGNS or not field.replace(".", "").replace("_", "").isalnum():
            raise ValueError(f"not a comparison: {field} {sign}")
        self.sql = f"json_extract(body, '$.{field}') {sign} ?"
        self.values = [value]


class AnyOf:
    """The field is one of these texts; `*` stands for any rest, e.g. `AnyOf("type", ["charge.*", "refund.created"])`."""

    def __init__(self, field: str, patterns: Sequence[str]) -> None:
        if not field.isalnum():
            raise ValueError(f"not a field: {field}")
        self.sql = "(" + " OR ".join(f"json_extract(body, '$.{field}') GLOB ?" for _ in patterns) + ")"
        self.values = list(patterns)
