"""Looking at other processes, over /proc."""

from pathlib import Path


def children(pid: int) -> list[int]:
    try:
        return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    except OSError:
        return []


def family(pid: int) -> list[int]:
    """The process and all below it."""
    found, new = [], [pid]
    while new:
        found += new
        new = [child for parent in new for child in children(parent)]
    return found


def read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def alive(pid: int) -> bool:
    status = read(pid, "status")
    return bool(status) and b"State:\tZ" not in status


def described(pid: int) -> str:
    """What a process is and where it stands, for the words of a failed test."""
    threads = [f"{task.name}@{read(pid, f'task/{task.name}/wchan').decode() or '?'}" for task in Path(f"/proc/{pid}/task").glob("*")]
    state = next((line for line in read(pid, "status").decode().splitlines() if line.startswith("State")), "State: gone")
    command = read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace")[-80:]
    return f"{pid} below {parent_of(pid)}: {command} · {state} · {' '.join(threads)}"


def parent_of(pid: int) -> str:
    return next((line.split()[1] for line in read(pid, "status").decode().splitlines() if line.startswith("PPid")), "?")
