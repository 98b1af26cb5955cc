"""Ctrl-C at a moment when Python cannot pass it on."""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import click
import pytest

from driver import dbt_step, doctor
from driver.backup.session import pinned
from driver.dbt_project import DbtProject
from driver.dbt_step import DbtStep
from driver.errors import Problem
from driver.termination import as_interruption, raise_if_interrupted
from support.sample_project import connection_of
from support.waiting import until

if TYPE_CHECKING:
    from support.registry import Registry


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
class Runner:
    """Stands for dbt, which ends as if nothing had been."""

    number: signal.Signals
    heard_of_nothing: bool = False

    def invoke(self, _: list[str]) -> Any:
        Interrupted(self.number)
        self.heard_of_nothing = True
        return SimpleNamespace(success=True, exception=None, result=None)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_python_drops_ends_the_command_all_the_same(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: told.append(what.exc_type))
    runner = Runner(number)
    monkeypatch.setattr("dbt.cli.main.dbtRunner.invoke", lambda _, words: runner.invoke(words))
    with as_interruption(), pytest.raises(KeyboardInterrupt):
        Broken()
        DbtStep().invoke(DbtProject(), "parse")
    assert runner.heard_of_nothing
    assert told == [ValueError]  # nobody is shown a traceback because of a Ctrl-C
    raise_if_interrupted()  # it was about that command only


def test_an_interruption_of_dbts_parser_is_no_fault_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = SimpleNamespace(success=False, exception=KeyboardInterrupt(), result=None)
    monkeypatch.setattr("dbt.cli.main.dbtRunner.invoke", lambda *_: ended)
    with pytest.raises(KeyboardInterrupt):
        DbtProject().core_tables()


@pytest.mark.parametrize(
    ("error", "ends_in"),
    [(OSError("gone"), KeyboardInterrupt), (Problem("It is half-way"), Problem), (click.Abort(), click.Abort)],
)
def test_what_the_clearing_away_meets_is_not_why_a_command_ends(error: Exception, ends_in: type[BaseException]) -> None:
    with pytest.raises(ends_in), as_interruption():
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            raise error


def test_a_statement_that_nobody_waits_for_any_more_does_not_take_the_interruptions_place(registry: Registry) -> None:
    with pytest.raises(KeyboardInterrupt), pinned(connection_of(registry)) as session, doctor._read_only(session):
        session.pgconn.send_query(b"select pg_sleep(1)")
        raise KeyboardInterrupt
    assert session.closed


def test_the_server_is_asked_to_stop_until_dbt_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[None] = []
    monkeypatch.setattr(dbt_step, "_cancel_statements", lambda: asked.append(None))
    with as_interruption(), pytest.raises(KeyboardInterrupt), dbt_step._cancel_on_interrupt():
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            until(lambda: len(asked) > 2)
