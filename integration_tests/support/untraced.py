"""Leaves dbt's own code out of what coverage follows: being looked at costs dbt a third of its time, and tells nothing."""

from __future__ import annotations

import functools
import sys
import threading
from typing import TYPE_CHECKING, Any

from dbt.cli.main import dbtRunner

if TYPE_CHECKING:
    from collections.abc import Callable


def untrace_dbt() -> None:
    """From now on, coverage looks away while this process runs dbt, but for the driver's callbacks."""
    original = dbtRunner.invoke

    @functools.wraps(original)
    def invoke(runner: dbtRunner, args: list[str], **options: Any) -> Any:
        trace, of_threads, lock = sys.gettrace(), threading.gettrace(), threading.Lock()

        def traced(callback: Callable[[Any], None]) -> Callable[[Any], None]:
            def call(event: Any) -> None:
                with lock:  # dbt calls from all its threads, and the trace function is one thread's at a time
                    sys.settrace(trace)
                    try:
                        callback(event)
                    finally:
                        sys.settrace(None)

            return call

        if trace is None:
            return original(runner, args, **options)
        runner.callbacks = [traced(callback) for callback in runner.callbacks]
        threading.settrace(None)  # type: ignore[arg-type]
        sys.settrace(None)
        try:
            return original(runner, args, **options)
        finally:
            threading.settrace(of_threads)  # type: ignore[arg-type]
            sys.settrace(trace)

    dbtRunner.invoke = invoke  # type: ignore[method-assign, assignment]  # there is no other place to step in
