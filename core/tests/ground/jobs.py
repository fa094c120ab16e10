"""Jobs whose whole effect is a line in a file, so that a test can count how often each began and ended."""

import time
from pathlib import Path


def write(path: str, line: str) -> None:
    with Path(path).open("a") as file:
        file.write(line + "\n")


def job(path: str, name: str, seconds: float = 0.0) -> None:
    write(path, f"begin {name}")
    time.sleep(seconds)
    write(path, f"end {name}")
