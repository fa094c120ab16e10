"""Everything the pages can say, they say in Korean: the catalog is whole, compiled, and holds every string marked in the code."""

import ast
import gettext
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.translation import override

from workflow.process import Step

CATALOG = Path(settings.LOCALE_PATHS[0], "ko", "LC_MESSAGES", "django.po")
APPS = ("core", "workflow", "backoffice", "customer_api")
#: `%(name)s`, `{name}`: what code puts in must stand in both languages
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}|%[sd]")
TOOLS = ("xgettext", "msgmerge", "msguniq", "msgattrib")


@dataclass(frozen=True)
class Entry:
    context: str
    msgid: str
    #: the words for many, which a Korean text is the translation of where there are two
    plural: str
    msgstrs: tuple[str, ...]
    flags: str

    @property
    def key(self) -> str:
        """As gettext keeps it."""
        return f"{self.context}\x04{self.msgid}" if self.context else self.msgid


def entries(path: Path) -> Iterator[Entry]:
    """The entries of a .po file as gettext writes it: blocks between empty lines, strings in quotes."""
    for block in re.split(r"\n{2,}", path.read_text().strip()):
        said: dict[str, str] = {}
        name = flags = ""
        for line in block.splitlines():
            if line.startswith("#"):
                flags += line if line.startswith("#,") else ""
                continue
            if not line.startswith('"'):
                name, _space, line = line.partition(" ")
            said[name] = said.get(name, "") + ast.literal_eval(line)
        if said.get("msgid"):
            msgstrs = tuple(value for name, value in said.items() if name.startswith("msgstr"))
            yield Entry(said.get("msgctxt", ""), said["msgid"], said.get("msgid_plural", ""), msgstrs, flags)


KOREAN = list(entries(CATALOG))


# --- The catalog ----------------------------------------------------------------------------------------------------------


def test_every_string_has_its_korean() -> None:
    assert len(KOREAN) > 700
    assert [entry.msgid for entry in KOREAN if not all(entry.msgstrs) or "fuzzy" in entry.flags] == []


def test_every_placeholder_stands_in_the_korean_too() -> None:
    def placeholders(text: str) -> list[str]:
        return sorted(PLACEHOLDER.findall(text))

    wrong = [entry.msgid for entry in KOREAN for said in entry.msgstrs if placeholders(said) != placeholders(entry.plural or entry.msgid)]
    assert wrong == []


def test_the_compiled_catalog_says_the_same() -> None:
    """Users have no gettext tools: the compiled file is part of the tree."""
    with CATALOG.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    said = {key[0] if isinstance(key, tuple) else key: text for key, text in compiled.items() if key}
    assert said == {entry.key: entry.msgstrs[0] for entry in KOREAN}


def test_the_five_steps_of_a_customer() -> None:
    with override("ko"):
        assert [str(step.label) for step in Step] == ["주문 접수", "구매 완료", "물건 도착", "배송 시작", "배송 완료"]


# --- The code -------------------------------------------------------------------------------------------------------------


def test_every_marked_string_is_in_the_catalog(tmp_path: Path) -> None:
    """In a copy of the code: what `makemessages` finds there is what the catalog holds, no more and no less."""
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        pytest.skip(f"gettext's tools are not installed: {', '.join(missing)}")
    for app in APPS:
        shutil.copytree(settings.BASE_DIR / app, tmp_path / app, ignore=shutil.ignore_patterns("__pycache__", "tests", "locale", "static"))
    copy = tmp_path / "locale" / "ko" / "LC_MESSAGES" / "django.po"
    copy.parent.mkdir(parents=True)
    shutil.copy(CATALOG, copy)

    make = [sys.executable, "-m", "django", "makemessages", "-l", "ko", "--no-obsolete", "--no-location"]
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    made = subprocess.run(make, cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert made.returncode == 0, made.stderr
    found, held = ({(entry.context, entry.msgid) for entry in entries(path)} for path in (copy, CATALOG))
    assert found - held == set(), "marked in the code, not in the catalog: see the first lines of django.po"
    assert held - found == set(), "in the catalog, no longer in the code"
