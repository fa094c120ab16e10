"""PDFs read back as their readers do: with poppler's tools, which see only what is really in the file."""

import shutil
import subprocess

import pytest


def _told(*command: str, pdf: bytes) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed (poppler-utils)")
    return subprocess.run(command, input=pdf, capture_output=True, check=True).stdout.decode()


def text_of(pdf: bytes) -> str:
    """What can be selected, line by line as it stands on the page, spaces squeezed; each page ends with a form feed."""
    lines = _told("pdftotext", "-layout", "-", "-", pdf=pdf).split("\n")
    return "\n".join(" ".join(part for part in line.split(" ") if part) for line in lines if line.strip(" "))


def facts_of(pdf: bytes) -> dict[str, str]:
    lines = _told("pdfinfo", "-", pdf=pdf).splitlines()
    return {name.strip(): value.strip() for name, _colon, value in (line.partition(":") for line in lines)}


def fonts_of(pdf: bytes) -> list[list[str]]:
    """Each font's row: name, type, encoding, embedded, subset, can be read back."""
    return [line.split() for line in _told("pdffonts", "-", pdf=pdf).splitlines()[2:]]
