"""Ctrl-C, SIGTERM and a terminal that is gone end a command in order, with what is private cleared away."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from driver.errors import Problem

# Windows has no SIGHUP.
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

_heard = threading.Event()


@contextmanager
def as_interruption() -> Iterator[None]:
    """For the block: such a signal raises KeyboardInterrupt. One that is ignored, as under nohup, stays ignored.

    One that meets Python in a finalizer is dropped there; Python would print a traceback about it, and
    `raise_if_interrupted` raises it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: object) -> None:
        _heard.set()
        raise KeyboardInterrupt

    tell = sys.unraisablehook

    def tell_others(dropped: sys.UnraisableHookArgs) -> None:
        if not issubclass(dropped.exc_type, KeyboardInterrupt):
            tell(dropped)

    previous = {number: signal.getsignal(number) for number in SIGNALS}
    heeded = [number for number in SIGNALS if previous[number] is not signal.SIG_IGN]
    for number in heeded:
        signal.signal(number, interrupt)
    sys.unraisablehook = tell_others
    try:
        with interruption_first():
            yield
    finally:
        sys.unraisablehook = tell
        for number in heeded:
            signal.signal(number, previous[number])
        _heard.clear()


def raise_if_interrupted() -> None:
    """Raise KeyboardInterrupt if a signal has come since `as_interruption` began, also where that was lost in a finalizer."""
    if _heard.is_set():
        raise KeyboardInterrupt


@contextmanager
def interruption_first() -> Iterator[None]:
    """For the block: an error that only the clearing away after a signal met does not take the interruption's place.

    psycopg, for one, can leave a statement running whose result nobody reads any more. A Problem is told all the same, and
    so is a question that Ctrl-C left without an answer: nothing was begun.
    """
    try:
        yield
    except (Problem, click.Abort):
        raise
    except Exception:
        raise_if_interrupted()
        raise
