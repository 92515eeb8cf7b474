"""Runs inside a training pod: `pod_job.py fetch` in its init container, then `pod_job.py run COMMAND`.

A job that has nothing to fetch does without the init container, whose start costs a second: `pod_job.py go COMMAND`.

Standard library only, Python 3.9 or newer: nothing else may be assumed of a user's image. It lies in a ConfigMap beside
job.py (how a job ends, and in which words) and pod_transfer.py. Kubernetes keeps the time limit and asks by SIGTERM.

    $LANDBRIDGE_POD_ROOT (/landbridge)
      runner/            these files
      package/           code.tar.gz, when it is small
      urls/plan.json     signed URLs: a Secret, so never printed
      inputs/            inputs that may only be read
      job/               code/ downloads/ outputs/ home/ log

How it ended goes to the termination message, at most 4096 bytes: {exit_code, reason, detail, outputs, started_at, ended_at}.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import IO, TYPE_CHECKING, Any, Dict  # noqa: UP035 - an alias is evaluated, also on an older Python

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # also where the image forbids it (PYTHONSAFEPATH)
if TYPE_CHECKING:
    from landbridge.runner import job, pod_transfer
else:
    import job
    import pod_transfer

Plan = Dict[str, Any]  # noqa: UP006

ROOT = os.environ.get("LANDBRIDGE_POD_ROOT", "/landbridge")
JOB = os.path.join(ROOT, "job")
MESSAGE = os.environ.get("LANDBRIDGE_TERMINATION_LOG", "/dev/termination-log")
MESSAGE_BYTES = 4096  # Kubernetes cuts what is longer
LINE_BYTES = 16_000  # longer lines are cut: the container runtime does so at 16 KiB, and time stamps would stand inside
SECRET_NAMES = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|ACCESS_KEY|API_KEY|ACCOUNT_KEY|SAS$", re.IGNORECASE)
SHORTEST_SECRET = 6  # shorter values would blacken half the log
INDEX = int(os.environ.get("JOB_COMPLETION_INDEX") or 0)
DEFAULT_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
OOM_COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


class PodEnding(job.Ending):
    """SIGTERM from Kubernetes goes on to all processes of the job; what is left after the grace is killed."""

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGALRM:
            job.signal_group(self.group, signal.SIGKILL)
        elif not self.reason:
            self.reason = "Terminated"
            self.begin()

    def begin(self) -> None:
        """Ask all processes to end; an alarm later kills them."""
        self.kill_at = time.monotonic() + job.GRACE_SECONDS
        signal.setitimer(signal.ITIMER_REAL, job.GRACE_SECONDS)
        job.signal_group(self.group, signal.SIGTERM)


def fetch() -> None:
    """Place code and inputs, checked, and the folders that the command may expect."""
    plan = read_plan()
    for name in ("code", "home", "downloads", "outputs"):
        os.makedirs(os.path.join(JOB, name), exist_ok=True)
    for name in plan.get("folders", []):
        os.makedirs(os.path.join(JOB, "outputs", name), exist_ok=True)
    package = os.path.join(ROOT, "package", "code.tar.gz")
    if plan.get("code"):
        package = os.path.join(JOB, "code.tar.gz")
        pod_transfer.fetch({**plan["code"], "path": "the code"}, package)
    if os.path.exists(package):
        pod_transfer.unpack(package, os.path.join(JOB, "code"))
    for name in job.EXPECTED_FOLDERS:
        with suppress(FileExistsError):  # the code has a file of that name
            os.makedirs(os.path.join(JOB, "code", name), exist_ok=True)
    if plan.get("list"):
        longer = os.path.join(JOB, "list.json")
        pod_transfer.fetch({**plan["list"], "path": "the list of inputs"}, longer)
        with open(longer, encoding="utf-8") as stream:
            plan["inputs"] = json.load(stream)
        os.unlink(longer)
    for place in plan.get("inputs", []):
        folder = os.path.join(ROOT, place["path"])
        os.makedirs(folder, exist_ok=True)
        pod_transfer.fetch_all(place["files"], folder)


def run(command: str) -> int:
    """Run the command; its exit code is ours, unless its outputs cannot be stored."""
    started = time.time()
    plan = read_plan()
    ending = PodEnding()
    killed_before = oom_kills()
    code = execute(command, ending, secrets_of(plan))
    reason, detail = job.explain(code, "")
    if ending.reason:
        reason, detail = ending.reason, f"Kubernetes asked the pod to end. Last line: {job.last_line()}"
    elif reason == "Signal" and oom_kills() > killed_before:
        reason, detail = "OutOfMemory", f"The job used more memory than its limit. Last line: {job.last_line()}"
    outputs: Plan = {}
    if not reason:
        outputs, reason, detail = store_outputs(plan)
    store_log(plan)
    tell({
        "exit_code": code, "reason": reason, "detail": detail, "outputs": outputs,
        "started_at": started, "ended_at": time.time(),
    })  # fmt: skip
    if not reason:
        return 0
    return 128 - code if code < 0 else code or 1


def execute(command: str, ending: PodEnding, secrets: list[bytes]) -> int:
    """Start the command, once per process that this instance shall have, and pass on what it prints. Its exit code."""
    environment = {**os.environ, job.MARKER: JOB}
    environment.setdefault("PYTHONUNBUFFERED", "1")  # a pipe would make Python keep lines back, and nobody could follow
    shell = shutil.which("bash") or "/bin/sh"
    os.chdir(os.path.join(JOB, "code"))
    reader, writer = os.pipe()
    pids: list[int] = []
    for number in range(int(os.environ.get("LANDBRIDGE_PROCESSES") or 1)):
        pid = os.posix_spawn(
            shell, [shell, "-c", command], {**environment, **rank_variables(number)},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_DUP2, writer, 2),
            ],
            setpgroup=pids[0] if pids else 0, setsigdef=DEFAULT_SIGNALS,
        )  # fmt: skip
        pids.append(pid)
        ending.group = pids[0]
    os.close(writer)
    os.chdir(JOB)
    if ending.reason:
        ending.begin()
    printing = threading.Thread(target=pass_on, args=(reader, secrets), daemon=True)
    printing.start()
    code = first_failure(pids, ending)
    signal.setitimer(signal.ITIMER_REAL, 0)
    job.end_rest(JOB, ending)
    printing.join(timeout=job.GRACE_SECONDS)
    return code


def first_failure(pids: list[int], ending: PodEnding) -> int:
    """Wait for all processes; when one fails the others are ended, as they would wait for it for ever."""
    left, worst = set(pids), 0
    while left:
        pid, status = os.wait()  # as process 1 we also inherit orphans: they are not ours to judge
        if pid in left:
            left.discard(pid)
            code = os.waitstatus_to_exitcode(status)
            if code and not worst:
                worst = code
                if left:
                    ending.begin()
    return worst


def rank_variables(number: int) -> dict[str, str]:
    """What a distributed framework wants to know of process `number` of this instance."""
    kind = os.environ.get("LANDBRIDGE_DISTRIBUTION", "")
    if kind == "pytorch":
        processes = int(os.environ.get("LANDBRIDGE_PROCESSES") or 1)
        world = processes * int(os.environ["LANDBRIDGE_INSTANCES"])
        ranks = {"RANK": INDEX * processes + number, "LOCAL_RANK": number, "NODE_RANK": INDEX, "WORLD_SIZE": world}
        return {name: str(value) for name, value in {**ranks, "LOCAL_WORLD_SIZE": processes}.items()}
    if kind == "tensorflow":
        cluster = json.loads(os.environ["LANDBRIDGE_TF_CLUSTER"])
        tasks = [(role, index) for role in ("worker", "ps") for index in range(len(cluster.get(role, [])))]
        role, index = tasks[INDEX]
        return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": role, "index": index}})}
    return {}


def pass_on(reader: int, secrets: list[bytes]) -> None:
    """Copy what the command prints to the pod's log and to the file that outlives the pod, without secrets."""
    rest = b""
    longest = max(map(len, secrets), default=0)
    with open(os.path.join(JOB, "log"), "ab", buffering=0) as log:
        while chunk := os.read(reader, 1 << 16):
            *lines, rest = (rest + chunk).split(b"\n")
            while len(rest) > LINE_BYTES + longest:
                masked = mask(rest, secrets)
                lines.append(masked[:LINE_BYTES])
                rest = masked[LINE_BYTES:]
            write_lines(lines, secrets, log)
        if rest:
            write_lines([rest], secrets, log)


def write_lines(lines: list[bytes], secrets: list[bytes], log: IO[bytes]) -> None:
    pieces = []
    for line in lines:
        masked = mask(line, secrets)
        pieces += [masked[at : at + LINE_BYTES] for at in range(0, len(masked) or 1, LINE_BYTES)]
    if pieces:
        text = b"\n".join(pieces) + b"\n"
        with suppress(OSError):  # the disk is full: the job must still be heard
            log.write(text)
        os.write(1, text)


def mask(text: bytes, secrets: list[bytes]) -> bytes:
    for secret in secrets:
        text = text.replace(secret, b"***")
    return text


def secrets_of(plan: Plan) -> list[bytes]:
    """Values that must not be printed: variables that are named like secrets, and what is signed in the plan's URLs."""
    values = [value for name, value in os.environ.items() if SECRET_NAMES.search(name)]
    signed = [*plan.get("log", []), *(item for items in plan.get("outputs", {}).values() for item in items)]
    values += [item["url"].partition("?")[2] for item in signed]
    values += re.findall(r"(?:Signature|sig)=([^&\s]+)", "\n".join(item["url"] for item in signed))
    found = {value.strip().encode() for value in values if len(value.strip()) >= SHORTEST_SECRET}
    return sorted(found, key=len, reverse=True)


def store_outputs(plan: Plan) -> tuple[Plan, str, str]:
    """Pack and send every output: name → digest and size; and a reason and detail when that fails."""
    stored: Plan = {}
    for name, signed in plan.get("outputs", {}).items():
        archive = os.path.join(JOB, "output.tar")
        try:
            pod_transfer.pack(os.path.join(JOB, "outputs", name), archive)
            pod_transfer.put(signed[INDEX], archive, f"output {name!r}")
            stored[name] = [pod_transfer.digest_of(archive), os.path.getsize(archive)]
        except (pod_transfer.TransferError, OSError) as error:
            reason = "DiskFull" if job.disk_is_full() else "Lost"
            return {}, reason, f"The command succeeded, but {error}."
        finally:
            if os.path.exists(archive):
                os.unlink(archive)
    return stored, "", ""


def store_log(plan: Plan) -> None:
    """Send the log, so that it outlives the pod. Without it the job is what it is."""
    path = os.path.join(JOB, "log")
    if plan.get("log") and os.path.exists(path):
        try:
            pod_transfer.put(plan["log"][INDEX], path, "the log")
        except (pod_transfer.TransferError, OSError) as error:
            sys.stderr.write(f"landbridge: {error}\n")


def oom_kills() -> int:
    """How often the kernel has killed for memory in this container; both versions of cgroups."""
    for path in OOM_COUNTERS:
        try:
            with open(path, encoding="utf-8") as stream:
                found = re.search(r"^oom_kill (\d+)", stream.read(), re.MULTILINE)
        except OSError:
            continue
        if found:
            return int(found[1])
    return 0


def read_plan() -> Plan:
    with open(os.path.join(ROOT, "urls", "plan.json"), encoding="utf-8") as stream:
        return dict(json.load(stream))


def tell(message: Plan) -> None:
    """Write the termination message; what is too long loses the end of its detail."""
    text = json.dumps(message)
    over = len(text.encode()) - MESSAGE_BYTES
    if over > 0:
        detail = str(message["detail"])
        message = {**message, "detail": detail.encode("ascii", "replace").decode()[: max(0, len(detail) - over)]}
        text = json.dumps(message)
    try:
        with open(MESSAGE, "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        sys.stderr.write(f"landbridge: the termination message cannot be written: {error}\n")


def main(arguments: list[str]) -> int:
    os.makedirs(JOB, exist_ok=True)
    os.chdir(JOB)
    open("log", "ab").close()
    try:
        if arguments[0] in {"fetch", "go"}:
            fetch()
        return 0 if arguments[0] == "fetch" else run(arguments[1])
    except (pod_transfer.TransferError, OSError, ValueError, KeyError) as error:
        reason = "DiskFull" if job.disk_is_full() or "space left" in str(error) else "NotStarted"
        tell({"exit_code": None, "reason": reason, "detail": f"The job could not start: {error}.", "outputs": {}})
        sys.stderr.write(f"landbridge: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
