"""
Do something in forked processes, one of which kills itself with SIGKILL at a named step.

The steps are wrapped from outside; nothing in the product knows of them. Just before it
dies the process writes down where it is and how much the gateway has charged by then.
"""

from __future__ import annotations

import json
import os
import signal
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection

from billing import charging, concluding
from billing.gateways import sandbox_engine
from billing.gateways.sandbox.transports import InProcessTransport
from billing.models import LedgerEntry, Payment
from billing.models.accounts import AccountQuerySet
from billing.states import PaymentState

Die = Callable[[], None]


def before(owner: Any, name: str) -> Callable[[Die], None]:
    """Die instead of calling, the first time."""

    def arm(die: Die) -> None:
        original = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            die()
            return original(*args, **kwargs)

        setattr(owner, name, call)

    return arm


def after(
    owner: Any, name: str, *, times: int = 1, when: Callable[..., bool] = lambda *_, **__: True
) -> Callable[[Die], None]:
    """Die when a call ``when`` holds for has ended a number of times, whether or not it raised."""

    def arm(die: Die) -> None:
        original = getattr(owner, name)
        ended = 0

        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal ended
            result = None
            try:
                result = original(*args, **kwargs)
                return result
            finally:
                ended += when(result, *args, **kwargs)
                if ended == times:
                    die()

        setattr(owner, name, call)

    return arm


def _is_a_charge(_response: Any, _transport: Any, request: Any) -> bool:
    return bool((request.method, request.path) == ("POST", "/v1/charges"))


def _has_succeeded(payment: Payment | None, *_args: Any, **_kwargs: Any) -> bool:
    return payment is not None and payment.state == PaymentState.SUCCEEDED


# The eight steps of one charge, in order; the last three are those of money received.
CHARGE = {
    "before the lock": before(AccountQuerySet, "locked"),
    "after the insert": after(Payment, "save"),
    "after the first commit": after(charging, "begin"),
    "after sending": after(InProcessTransport, "__call__", when=_is_a_charge),
    "after the answer": after(charging, "ask"),
    "in the middle of settling": after(LedgerEntry, "save"),
    "before the second commit": after(concluding, "succeed"),
    "after the second commit": after(charging, "settle", when=_has_succeeded),
}
STEPS = CHARGE | {
    "before the first of two sellers": before(charging, "ask"),
    "between two sellers": after(charging, "settle"),
    "after asking for the second": after(charging, "ask", times=2),
}


@dataclass(frozen=True, slots=True)
class Death:
    """How one of the processes died: by what signal, where, and after how many charges."""

    signal: int
    step: str
    charges: int


def at(step: str, work: Callable[[], object], *, folder: Path, workers: int = 1) -> Death:
    """
    Fork ``workers`` processes that do the same at once; whichever comes to the step first dies.

    The others must end well. Raises ``AssertionError`` when nobody came to the step.
    """
    return dies(STEPS[step], step, work, folder=folder, workers=workers)


def dies(arm: Callable[[Die], None], step: str, work: Callable[[], object], *, folder: Path, workers: int = 1) -> Death:
    """Do as ``at`` does, at a step that is not in the table."""
    marker = folder / "died"
    marker.unlink(missing_ok=True)
    connection.close()
    start, go = os.pipe()
    pids = [_fork(lambda: _wait_and_work(start, go, arm, step, work, marker), folder) for _ in range(workers)]
    os.close(start)
    os.close(go)
    ended = {pid: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids}
    assert marker.exists(), f"nobody came to the step {step!r}: {_traces(folder)}"
    told = json.loads(marker.read_text())
    others = [code for pid, code in ended.items() if pid != told["pid"]]
    assert others == [0] * (workers - 1), _traces(folder)
    return Death(-ended[told["pid"]], told["step"], told["charges"])


def _fork(act: Callable[[], None], folder: Path) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        act()
        code = 0
    except BaseException:
        (folder / f"trace-{os.getpid()}").write_text(traceback.format_exc())
    finally:
        os._exit(code)


def _wait_and_work(
    start: int, go: int, arm: Callable[[Die], None], step: str, work: Callable[[], object], marker: Path
) -> None:
    arm(lambda: _die(step, marker))
    os.close(go)
    os.read(start, 1)
    work()
    connection.close()


def _die(step: str, marker: Path) -> None:
    """Say where, and die; the one who comes second lives on."""
    # Made under another name, so that whoever reads it reads the whole of it.
    note = marker.with_name(f"note-{os.getpid()}")
    note.write_text(json.dumps({"pid": os.getpid(), "step": step, "charges": _charges()}))
    with suppress(FileExistsError):
        os.link(note, marker)
        os.kill(os.getpid(), signal.SIGKILL)


def _charges() -> int:
    return sum(charge.status == "succeeded" for charge in sandbox_engine().charges())


def _traces(folder: Path) -> str:
    return "\n".join(trace.read_text() for trace in folder.glob("trace-*"))
