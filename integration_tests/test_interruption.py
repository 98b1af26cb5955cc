"""Ctrl-C at a moment when Python cannot pass it on."""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from driver import dbt_step
from driver.dbt_step import DbtStep
from driver.termination import as_interruption, raise_if_interrupted
from support.waiting import until

if TYPE_CHECKING:
    from driver.dbt_project import DbtProject


@dataclass
class Interrupted:
    """Hears the signal in its finalizer, where no exception gets out."""

    number: signal.Signals

    def __del__(self) -> None:
        os.kill(os.getpid(), self.number)
        threading.Event().wait(1)


class Broken:
    """Fails in its finalizer."""

    def __del__(self) -> None:
        raise ValueError


@dataclass
class Project:
    """Stands for dbt, which ends as if nothing had been."""

    number: signal.Signals
    on_event: Any = None
    heard_of_nothing: bool = False

    def invoke(self, *_: str) -> Any:
        Interrupted(self.number)
        self.heard_of_nothing = True
        return SimpleNamespace(success=True, exception=None)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_python_drops_ends_the_command_all_the_same(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: told.append(what.exc_type))
    project = Project(number)
    with as_interruption(), pytest.raises(KeyboardInterrupt):
        Broken()
        DbtStep().invoke(cast("DbtProject", project), "test")
    assert project.heard_of_nothing
    assert told == [ValueError]  # nobody is shown a traceback because of a Ctrl-C
    raise_if_interrupted()  # it was about that command only


def test_the_server_is_asked_to_stop_until_dbt_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[None] = []
    monkeypatch.setattr(dbt_step, "_cancel_statements", lambda: asked.append(None))
    with as_interruption(), pytest.raises(KeyboardInterrupt), dbt_step._cancel_on_interrupt():
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            until(lambda: len(asked) > 2)
