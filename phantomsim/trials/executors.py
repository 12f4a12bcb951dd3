"""Who does the work: worker processes, each with the same fixed number of XLA threads.

Workers are programs of their own (not forks): they need no `if __name__ == "__main__"` in a caller's script,
a crash of one leaves the others be, and a cluster engine can start the very same command.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from phantomsim.errors import TrialError
from phantomsim.store import writing

ONE_THREAD = "--xla_cpu_multi_thread_eigen=false"


def worker_environment(threads: int) -> dict[str, str]:
    """The environment of a worker: XLA and BLAS with a fixed number of threads, whatever the machine has."""
    count = str(threads)
    flags = os.environ.get("XLA_FLAGS", "")
    if threads == 1 and ONE_THREAD not in flags:
        flags += " " + ONE_THREAD
    fixed = {"NPROC": count, "OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count, "MKL_NUM_THREADS": count}
    return {**os.environ, **fixed, "XLA_FLAGS": flags.strip()}


def run_batches(folder: Path, batches: Sequence[Sequence[int]], workers: int, threads: int) -> Iterator[dict[str, Any]]:
    """Work through batches of patients; yields a notice per patient, in order of completion.

    Args:
        folder: the run's folder; workers read trial.json there and leave parts.
        batches: patients by batch; a worker takes whole batches.
        workers: processes, at most one per batch.
        threads: XLA threads of each.
    Raises:
        TrialError: a worker died; what was finished stays, and `--resume` goes on from there.
    """
    todo: queue.SimpleQueue[list[int]] = queue.SimpleQueue()
    for batch in batches:
        todo.put(list(batch))
    notices: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    crew = [_Worker(folder, i, threads, todo, notices) for i in range(min(workers, len(batches)))]
    try:
        working = len(crew)
        while working:
            notice = notices.get()
            if notice is None:
                working -= 1
            elif "died" in notice:
                raise TrialError(notice["died"])
            else:
                yield notice
    except BaseException:
        for worker in crew:
            worker.process.terminate()
        raise
    finally:
        for worker in crew:
            worker.stop()


class _Worker:
    """A process and the thread that feeds it."""

    def __init__(
        self,
        folder: Path,
        number: int,
        threads: int,
        todo: queue.SimpleQueue[list[int]],
        notices: queue.SimpleQueue[dict[str, Any] | None],
    ) -> None:
        self.log = folder / f"worker-{number}.log"
        with writing(self.log):
            self._log_file: IO[bytes] = open(self.log, "ab")  # noqa: SIM115 - lives as long as the process
        command = [sys.executable, "-m", "phantomsim.trials.worker", str(folder)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log_file,
            text=True,
            env=worker_environment(threads),
        )
        self._todo, self._notices = todo, notices
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def _feed(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            while True:
                batch = self._todo.get_nowait()
                self.process.stdin.write(json.dumps({"patients": batch}) + "\n")
                self.process.stdin.flush()
                for _ in batch:
                    line = self.process.stdout.readline()
                    if not line:
                        raise BrokenPipeError
                    self._notices.put(json.loads(line))
        except queue.Empty:
            self._notices.put(None)
        except (OSError, ValueError):
            self._notices.put({"died": self._epitaph()})

    def _epitaph(self) -> str:
        code = self.process.wait()
        tail = self.log.read_text(errors="replace").strip().splitlines()[-3:]
        why = "killed (out of memory?)" if code == -9 else f"exit code {code}"
        return (
            f"a worker stopped ({why}); its log is {self.log}: {' | '.join(tail)}. "
            "Finished patients are kept: run again with --resume"
        )

    def stop(self) -> None:
        """Let the process end (its input closes); what it has not finished is not written."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()  # type: ignore[union-attr]
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log_file.close()
        if self.log.exists() and not self.log.stat().st_size:
            self.log.unlink()
