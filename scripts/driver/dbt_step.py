"""One dbt command as a stage of a run: its progress, its failure in a sentence, and Ctrl-C that is obeyed at once."""

from __future__ import annotations

import json
import re
import signal
import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from driver.dbt_project import PACKAGE
from driver.errors import Problem, why
from driver.termination import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from driver.dbt_project import DbtProject
    from driver.progress import StageProgress

PLAN_STEP = re.compile(r"^(\d+) of (\d+) START (.*)$")
ONLINE_STEP = re.compile(r"^online: (?:(?:table \d+ of \d+, )?(\w+): )?(.*)$")
CANCEL_AGAIN_SECONDS = 0.2
# The driver's own dbt commands write none: it would hold values of rows, readable for others.
NO_REASON = "dbt gave no reason; the same command of dbt's own writes a log, logs/dbt.log"
ROWS_FILLED = re.compile(r"^([\d,]+) of ([\d,]+) rows")


@dataclass
class DbtStep:
    """Listens to dbt while a command runs.

    Attributes:
        progress: where to tell how far it is.
        on_message: called with each line that a macro of ours logs.
        printed: what macros have printed.
        plan_seconds: label of a step of the migration's plan -> how long it took.
    """

    progress: StageProgress | None = None
    on_message: Callable[[str], None] = lambda _: None
    printed: list[str] = field(default_factory=list)
    plan_seconds: dict[str, float] = field(default_factory=dict)
    _error: str = ""
    _running: list[str] = field(default_factory=list)
    _done: int = 0
    _label: str = ""
    _locked: str = ""
    _last: str = ""
    _since: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, project: DbtProject, *arguments: str) -> Any:
        """Run a dbt command that has to succeed, and give back dbt's result; raise Problem with dbt's reason if it fails."""
        result = self.invoke(project, *arguments)
        if not result.success:
            at = f" at {self._last}" if self._last else ""
            raise Problem(f"dbt {arguments[0]} failed{at}: {self.why(result)}")
        return result

    def why(self, result: Any) -> str:
        """The reason of a failure: what a macro said, or else everything that dbt says about it."""
        if self._error:
            return self._error
        results = getattr(result.result, "results", None) or []
        messages = [
            f"{item.node.name}: {told}" if len(results) > 1 else told
            for item in results
            if str(item.status) in ("error", "fail", "runtime error") and (told := why(str(item.message or "")))
        ]
        if messages:
            more = f" (and {len(messages) - 1} more)" if len(messages) > 1 else ""
            return messages[0] + more
        return why(str(result.exception or "")) or NO_REASON

    def invoke(self, project: DbtProject, *arguments: str) -> Any:
        """Run a dbt command to its end and give back dbt's result, whatever it is.

        Raises:
            KeyboardInterrupt: it was interrupted; the server's work on it has been cancelled.
        """
        project.on_event = self._on_event
        try:
            with _cancel_on_interrupt():
                result = project.invoke(*arguments)
        finally:
            project.on_event = None
            self._last = self._label
            self._end_label()
        budget = project.var("window_budget")
        if budget and "timeout" in self._error and "lock timeout" not in self._error:
            self._error += (
                f": window_budget ({budget}) is used up, and everything was rolled back;"
                " use online mode, another time, more maintenance_work_mem, or a larger budget"
            )
        return result

    def _on_event(self, event: Any) -> None:
        """Called by dbt, from any of its threads."""
        kind, data = event.info.name, event.data
        with self._lock:
            if kind == "LogStartLine":
                self._running.append(data.node_info.node_name)
                self._tell(data.total)
            elif kind == "NodeFinished" and data.node_info.node_name in self._running:
                self._running.remove(data.node_info.node_name)
                self._done += 1
                self._tell(None)
            elif kind in ("RunningOperationCaughtError", "RunningOperationUncaughtError"):
                self._error = why(data.exc)  # the result of a run-operation does not have it
            elif kind == "PrintEvent":
                self.printed.append(event.info.msg)
            elif kind == "JinjaLogInfo":
                self.on_message(data.msg)
                self._on_message(data.msg)

    def _on_message(self, message: str) -> None:
        """Take in a line that a macro of ours logs: a step of the window plan, or how far an online migration is."""
        done: int | None = None
        total: int | None = None
        what = message
        if step := PLAN_STEP.match(message):
            done, total, what = int(step[1]) - 1, int(step[2]), step[3]
            self._begin_label(what)
        elif step := ONLINE_STEP.match(message):
            what = f"{step[1]}: {step[2]}" if step[1] else step[2]  # as `status` says it
            if rows := ROWS_FILLED.match(step[2]):
                done, total = (int(number.replace(",", "")) for number in rows.groups())
            if step[1]:
                self._begin_label(f"{step[1]}: online")
        if self.progress:
            self.progress.update(done, total, f"{what}; {self._locked}" if self._locked else what)

    def tick(self, words: str) -> None:
        """Say how long the tables have been locked, as another session sees it."""
        self._locked = words
        if self.progress and words:
            self.progress.update(what=f"{self._label}; {words}")

    def _tell(self, total: int | None) -> None:
        if self.progress:
            self.progress.update(self._done, total, self._running[0] if self._running else "")

    def _begin_label(self, label: str) -> None:
        self._end_label()
        self._label, self._since = label, time.perf_counter()

    def _end_label(self) -> None:
        if self._label:
            taken = time.perf_counter() - self._since
            self.plan_seconds[self._label] = self.plan_seconds.get(self._label, 0.0) + taken
            self._label = ""


def undo(
    project: DbtProject,
    *,
    force: bool = False,
    dry_run: bool = False,
    on_step: Callable[[str], None] = lambda _: None,
) -> str:
    """Take cms_id away from every core table that has it, in one transaction; a half-done online migration with it.

    By force also where it is then forgotten which rows were created locally, or which CMS id a later row has, and where no
    migration in the log made cms_id. Each step is told, as `9 of 27 START drop our views`.

    Returns:
        what was done, or would be, as a script; empty if no core table has cms_id.

    Raises:
        Problem: if it was refused, or failed and was rolled back.
    """
    steps: list[str] = []

    def hear(message: str) -> None:
        if not message.endswith("nothing to do"):
            steps.append(message)
            on_step(message)

    step = DbtStep(on_message=hear)
    arguments = json.dumps({"dry_run": dry_run, "force": force})
    result = step.invoke(project, "run-operation", f"{PACKAGE}.drop_cms_id", "--args", arguments)
    if not result.success:
        failure = "the undo could not be planned" if dry_run else "cms_id was not removed"
        raise Problem(failure, do=step.why(result).removeprefix("drop_cms_id: ").rstrip("."))
    return "\n".join(step.printed if dry_run else steps)


@contextmanager
def _cancel_on_interrupt() -> Iterator[None]:
    """While the block runs, Ctrl-C and its like cancel what the server is doing for dbt.

    The main thread may be waiting inside the database driver, where Python hears of no signal before the statement is
    over; but the signal's number is written to a socket at once, and a thread that reads it sends the cancellation. It
    does so until the block ends, for dbt may not have heard of it and go on with its next statement.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = socket.socketpair()
    writer.settimeout(0)
    previous = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)

    def watch() -> None:
        heard = False
        while True:
            try:
                number = reader.recv(1)
            except TimeoutError:
                number = None
            if number == b"":
                return
            heard = heard or (number is not None and number[0] in SIGNALS)
            if heard:
                reader.settimeout(CANCEL_AGAIN_SECONDS)
                _cancel_statements()

    thread = threading.Thread(target=watch, name="cancel-on-interrupt", daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous)
        writer.close()
        thread.join()
        reader.close()


def _cancel_statements() -> None:
    """Ask the server to cancel every statement that dbt has running; dbt's driver allows that from any thread."""
    from dbt.adapters.factory import FACTORY

    for adapter in list(FACTORY.adapters.values()):
        for connection in list(adapter.connections.thread_connections.values()):
            with suppress(Exception):  # a connection that is closed, or was never opened, has nothing to cancel
                connection.handle.cancel()
