"""Scores files in mini batches with a script as Azure ML's batch deployments have it: `init()` and `run(mini_batch)`.

    python score_mini_batches.py --settings FILE --model DIR --data PATH --out DIR

It runs on the Python of the user's image, with the standard library alone; pandas is asked for nothing unless the script
returns a DataFrame. Every worker is a process of its own, which calls `init()` once and `run()` for one mini batch after the
other. A mini batch whose call raises, takes longer than its time, or costs its worker the life is tried again, at most
`max_retries` times; then its files have failed. An `init()` that fails ends the job, for nothing can be scored.

    OUT/<output_file_name>    append_row: all that was returned, in Azure's form: no header, blanks between columns
    OUT/summary.json          counts, and what was wrong: it may quote the data

Source: https://learn.microsoft.com/azure/machine-learning/batch-inference/how-to-batch-scoring-script
"""

from __future__ import annotations  # it runs on the Python of the user's image

import argparse
import importlib.util
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections import deque
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any

DETAIL_CHARACTERS = 500
LOOK_SECONDS = 0.5  # a worker's end is no message: a process that it started may hold its pipe
NAMED_FILES = 3
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}
FAILED_FILES, NO_FILES, UNFIT = 1, 2, 3  # exit codes

log = logging.getLogger("landbridge")


class UnfitError(Exception):
    """The script cannot be loaded, or its `init()` failed."""


class MiniBatch:
    """Files for one call of the script; `tries` were made."""

    def __init__(self, files: list[tuple[str, Path]]) -> None:
        self.names = [name for name, _ in files]
        self.paths = [str(path) for _, path in files]
        self.tries = 0

    def __str__(self) -> str:
        more = f" and {len(self.names) - NAMED_FILES} more" if len(self.names) > NAMED_FILES else ""
        return ", ".join(self.names[:NAMED_FILES]) + more


class Results:
    """What was returned goes to the predictions at once; what failed is counted."""

    def __init__(self, out: Path, settings: dict[str, Any]) -> None:
        self.files = self.failed_files = self.rows = 0
        self.errors: list[dict[str, Any]] = []
        self._out = out
        self._target = out / settings["output_file_name"] if settings["output_action"] == "append_row" else None
        self._partial = out / f".{settings['output_file_name']}"
        if self._target is not None:
            self._partial.write_bytes(b"")

    def take(self, batch: MiniBatch, text: str, items: int) -> None:
        """Count the items that the script returned; each that is missing is a file that failed, nobody knows which."""
        self.files += len(batch.names)
        self.rows += items
        if self._target is not None:
            with self._partial.open("a", encoding="utf-8", errors="surrogateescape", newline="") as stream:
                stream.write(text)
        missing = len(batch.names) - items
        if missing > 0:
            self._fail(", ".join(batch.names), missing, f"run() returned {items} items for {len(batch.names)} files")
        log.info("%s: %s items%s", batch, items, f", {missing} files failed" if missing > 0 else "")

    def fail(self, batch: MiniBatch, error: str) -> None:
        self.files += len(batch.names)
        for name in batch.names:
            self._fail(name, 1, error)

    def _fail(self, name: str, files: int, error: str) -> None:
        self.failed_files += files
        self.errors.append({"file": name, "failed_rows": 0, "error": error[:DETAIL_CHARACTERS]})

    def write(self) -> None:
        """The predictions appear whole under their name; the summary comes last."""
        if self._target is not None:
            os.replace(self._partial, self._target)  # noqa: PTH105 - the pathlib way is the same call
        summary = {
            "files": self.files,
            "failed_files": self.failed_files,
            "rows": self.rows,
            "failed_rows": 0,
            "skipped_files": [],
            "errors": self.errors,
        }
        (self._out / "summary.json").write_text(json.dumps(summary, indent=2), encoding="utf-8")


class Worker:
    """A process with the script in it. It is ready once `init()` has returned."""

    def __init__(self, arguments: argparse.Namespace, environment: dict[str, str], seconds: float) -> None:
        self.connection, theirs = Pipe()
        self.batch: MiniBatch | None = None
        self.is_ready = False
        self._seconds, self._deadline = seconds, 0.0
        fd = theirs.fileno()
        words = [sys.executable, "-u", __file__, "--worker", str(fd)]
        for name in ("settings", "model", "data", "out"):
            words += [f"--{name}", str(getattr(arguments, name))]
        self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, pass_fds=[fd], env=environment)
        theirs.close()

    def give(self, batch: MiniBatch) -> None:
        self.batch, self._deadline = batch, time.monotonic() + self._seconds
        batch.tries += 1
        try:
            self.connection.send_bytes(json.dumps(batch.paths).encode())
        except OSError:
            log.debug("A worker has ended before it got %s.", batch)  # which the next look at it tells

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._deadline - time.monotonic()) if self.batch else LOOK_SECONDS

    def heard(self) -> dict[str, Any]:
        """What became of it: its own word, or what its end or its time says; empty while it works."""
        is_dead = self._process.poll() is not None  # asked first: its last word is still in the pipe
        try:
            if self.connection.poll():
                said: dict[str, Any] = json.loads(self.connection.recv_bytes())
                return said
        except (EOFError, OSError):
            is_dead = True
        if is_dead:
            code = self.end()
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            return {"word": "lost", "error": f"its process {how}"}
        if self.batch and not self.seconds_left:
            self.end()
            return {"word": "lost", "error": f"it took longer than {self._seconds:g} s"}
        return {}

    def end(self) -> int:
        self._process.kill()
        self.connection.close()
        return self._process.wait()


class Crew:
    """The workers, and the mini batches that wait for one."""

    def __init__(self, arguments: argparse.Namespace, settings: dict[str, Any], environment: dict[str, str]) -> None:
        self._arguments, self._settings, self._environment = arguments, settings, environment
        self._workers: list[Worker] = []

    def score(self, batches: list[MiniBatch], results: Results) -> None:
        """Raises UnfitError when the script cannot begin; the rest of the mini batches then has failed."""
        waiting = deque(batches)
        try:
            while waiting or any(worker.batch for worker in self._workers):
                self._fill(waiting)
                for worker in list(self._workers):
                    self._judge(worker, worker.heard(), waiting, results)
                if self._workers:
                    pause = min([LOOK_SECONDS, *(worker.seconds_left for worker in self._workers)])
                    wait([worker.connection for worker in self._workers], pause)
        except UnfitError as error:
            for batch in (*waiting, *(worker.batch for worker in self._workers if worker.batch)):
                results.fail(batch, str(error))
            raise
        finally:
            for worker in self._workers:
                worker.end()

    def _fill(self, waiting: deque[MiniBatch]) -> None:
        for worker in self._workers:
            if waiting and worker.is_ready and worker.batch is None:
                worker.give(waiting.popleft())
        beginning = sum(not worker.is_ready for worker in self._workers)
        room = self._settings["max_concurrency_per_instance"] - len(self._workers)
        for _ in range(min(room, len(waiting) - beginning)):
            self._workers.append(Worker(self._arguments, self._environment, self._settings["timeout"]))

    def _judge(self, worker: Worker, said: dict[str, Any], waiting: deque[MiniBatch], results: Results) -> None:
        if not said:
            return
        word, batch, worker.batch = said["word"], worker.batch, None
        if word == "lost":
            self._workers.remove(worker)
        if word == "ready":
            worker.is_ready = True
        elif word == "done" and batch is not None:
            results.take(batch, said["text"], said["items"])
        elif not worker.is_ready:
            raise UnfitError(f"init() failed: {said['error']}")
        elif batch is not None:
            self._again(batch, said["error"], waiting, results)

    def _again(self, batch: MiniBatch, error: str, waiting: deque[MiniBatch], results: Results) -> None:
        most = self._settings["max_retries"] + 1
        log.warning("%s: try %s of %s failed: %s", batch, batch.tries, most, error)
        if batch.tries < most:
            waiting.appendleft(batch)
        else:
            results.fail(batch, error)


def main(arguments: argparse.Namespace) -> int:
    """Score what there is; returns the exit code."""
    settings = json.loads(arguments.settings.read_text(encoding="utf-8"))
    logging.basicConfig(level=LEVELS[settings["logging_level"]], format="%(message)s")
    if arguments.worker is not None:
        return work(Connection(arguments.worker), arguments.settings.absolute().parent.parent, settings)
    files = found(arguments.data)
    if not files:
        sys.stderr.write(f"No file to score in {arguments.data}.\n")
        return NO_FILES
    arguments.out.mkdir(parents=True, exist_ok=True)
    size, results = settings["mini_batch_size"], Results(arguments.out, settings)
    batches = [MiniBatch(files[first : first + size]) for first in range(0, len(files), size)]
    code = 0
    with tempfile.TemporaryDirectory(prefix="landbridge-model-") as scratch:
        folder = model_folder(arguments.model, settings["model_name"], Path(scratch))
        given = {"AZUREML_MODEL_DIR": str(folder), "AZUREML_BI_OUTPUT_PATH": str(arguments.out.absolute())}
        try:
            Crew(arguments, settings, {**os.environ, **given}).score(batches, results)
        except UnfitError as error:
            sys.stderr.write(f"Nothing can be scored: {error}\n")
            code = UNFIT
    results.write()
    said = f"{results.failed_files} of {results.files} files failed"
    if code == 0 and 0 <= settings["error_threshold"] < results.failed_files:
        sys.stderr.write(f"{said}; {settings['error_threshold']} may.\n")
        code = FAILED_FILES
    log.info("%s, %s items", said, results.rows)
    return code


def found(data: Path) -> list[tuple[str, Path]]:
    """(name, absolute path) of every file. Hidden files are no data."""
    data = data.absolute()
    if data.is_file():
        return [(data.name, data)]
    every = [(path.relative_to(data).as_posix(), path) for path in sorted(data.rglob("*")) if path.is_file()]
    return [(name, path) for name, path in every if not any(part.startswith(".") for part in name.split("/"))]


def model_folder(model: Path, name: str, scratch: Path) -> Path:
    """A folder as Azure makes it: what was registered lies inside under its own name. A registered file lies there by itself.

    It is a folder of its own with links to the files, so that a script which walks through it finds them.
    """
    model = model.absolute()
    if (model / name).is_file():
        return model
    for path in model.rglob("*"):
        if path.is_file():
            link = scratch / name / path.relative_to(model)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    return scratch


def work(connection: Connection, code: Path, settings: dict[str, Any]) -> int:
    """A worker's life: `init()`, then a mini batch after the other until no more come."""
    os.set_inheritable(connection.fileno(), False)
    try:
        run = begin(code, code / settings["scoring_script"])
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the script raises ends the job
        tell(connection, word="unfit", error=described(error))
        return UNFIT
    tell(connection, word="ready")
    while True:
        try:
            paths = json.loads(connection.recv_bytes())
        except EOFError:
            return 0
        try:
            text, items = returned(run(paths))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the script raises: the mini batch has failed
            tell(connection, word="failed", error=described(error))
        else:
            tell(connection, word="done", text=text, items=items)


def begin(code: Path, script: Path) -> Any:
    """Load the script, which may import what lies beside it and at the top of its code; returns its `run`."""
    sys.path[:0] = list(dict.fromkeys([str(script.parent), str(code)]))
    spec = importlib.util.spec_from_file_location(script.stem, script)
    if spec is None or spec.loader is None:
        message = f"{script.name} is no Python script"
        raise ImportError(message)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    run = module.run
    if hasattr(module, "init"):
        module.init()
    return run


def returned(answer: Any) -> tuple[str, int]:
    """The lines of the predictions, and how many items there are: rows of a DataFrame, else members of a list or array."""
    if hasattr(answer, "to_csv"):
        return answer.to_csv(sep=" ", header=False, index=False), len(answer)
    if isinstance(answer, (str, bytes, dict)) or not (hasattr(answer, "__len__") and hasattr(answer, "__iter__")):
        message = f"run() returned {type(answer).__name__}; it must be a DataFrame or a list with an item for each file"
        raise TypeError(message)
    return "".join(f"{item}\n" for item in answer), len(answer)


def described(error: BaseException) -> str:
    traceback.print_exc()
    return f"{type(error).__name__}: {error}"


def tell(connection: Connection, **said: Any) -> None:
    connection.send_bytes(json.dumps(said).encode())


def parsed(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("settings", "model", "data", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--worker", type=int, help="descriptor of the pipe to who gives the mini batches")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main(parsed()))
