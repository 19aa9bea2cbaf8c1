"""What a supervisor that was killed left behind."""

import signal

import psutil

MARK = "ROUNDTABLE_CHILD_OF"  # in the environment of every child: its supervisor's home


def end_leftovers(home: str) -> list[str]:
    """End what a dead supervisor of this home left behind, and return the names of what it was."""
    left = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == home:
                left.append((process, process.name()))
        except (psutil.Error, OSError):
            continue
    for process, name in left:
        _signal(process, signal.SIGQUIT if name == "postgres" else signal.SIGTERM)
    _, alive = psutil.wait_procs([process for process, _ in left], timeout=5)
    for process in alive:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=5)
    return [name for _, name in left]


def _signal(process: psutil.Process, sign: signal.Signals) -> None:
    try:
        process.send_signal(sign)
    except psutil.Error:
        return
