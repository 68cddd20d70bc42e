"""Where a run happens: a namespace with loopback alone, scratch homes in it, the processes of a case, and what came of them."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import lines
from model import Actor

# Everything of a run is here in the run's own mount namespace, and in `target/agents` outside: a path that is short enough for sockets,
# and the same on every machine.
HERE = Path("/mnt")
BIN, HOMES, LOGS = HERE / "bin", HERE / "homes", HERE / "logs"
# No step of a script waits longer for another one.
PATIENCE = 90


class Unexpected(Exception):
    """What was expected, and what came."""


def expect(holds, expected, came=""):
    """Ends a case in which something does not hold."""
    if not holds:
        raise Unexpected(f"expected: {expected}\n    came: {str(came)[:3000]}")
    return holds


def files(folder):
    """The files below a folder, in which programs may be at work: what goes meanwhile is left out."""
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)


class Ended:
    """What a process has printed, and its exit status."""

    def __init__(self, code, out, errors):
        self.code, self.out, self.errors = code, out, errors
        self.lines = lines.found(out)

    def find(self, **fields):
        """The first line with these fields, `...` for any value, or None."""
        return lines.find(self.lines, **fields)

    def __str__(self):
        return f"exit {self.code}: {self.out}{self.errors}"


class Case:
    """One case of a scenario: its homes, its logs, its figures. What it starts ends with it."""

    def __init__(self, name, model, full):
        self.name, self.model, self.full = name, model, full
        self.logs = LOGS / name
        self.figures, self.running, self.noted = {}, [], threading.Lock()
        self.logs.mkdir(parents=True)

    def count(self, few, whole):
        """How often something is done: in a reduced run, and in a whole one."""
        return whole if self.full else few

    def home(self, name):
        return Home(self, name)

    def figure(self, what, value):
        self.figures[what] = value

    def note(self, some):
        """Writes down lines of pinhole, to be held against its schema at the end of the run."""
        with self.noted, open(self.logs / "lines.jsonl", "a") as log:
            log.writelines(f"{json.dumps(line)}\n" for line in some)

    def actor(self, name, script, agent):
        """The address of a model that follows the script."""
        actor = Actor(f"{self.name}.{name}", script, agent, self.logs / f"{name}.requests.jsonl")
        return actor, self.model.add(actor)

    def close(self):
        """Ends what still runs, and returns what should have ended before."""
        for process in self.running:
            if process.poll() is None:
                end(process)
        begun = time.monotonic()
        while (left := list(alive(f"{HOMES / self.name}/"))) and time.monotonic() - begun < 5:
            time.sleep(0.1)
        for pid, _ in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return left


class Home:
    """A scratch home with a work folder, and nothing in its environment but what is said here."""

    def __init__(self, case, name):
        self.case, self.name = case, name
        self.path = HOMES / case.name / name
        self.work, self.runtime = self.path / "work", self.path / "run"
        self.work.mkdir(parents=True)
        (self.path / "tmp").mkdir()
        self.runtime.mkdir(mode=0o700)
        # Codex asks a login shell, which begins with another PATH.
        (self.path / ".profile").write_text(f"PATH={BIN}:/usr/bin:/bin\n")

    def environment(self, **more):
        return {
            "HOME": str(self.path),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "PATH": f"{BIN}:/usr/bin:/bin",
            "SHELL": "/bin/bash",
            "LANG": "C.UTF-8",
            "USER": "tester",
            "PINHOLE_NETWORK": "loopback",
            "TMPDIR": str(self.path / "tmp"),
            "CLAUDE_CODE_TMPDIR": str(self.path / "tmp"),
        } | more

    def start(self, command, log=None, folder=None, **more):
        """Starts a command in a process group of its own: a list, or a line for a shell."""
        command = command if isinstance(command, list) else ["/bin/bash", "-c", command]
        out = open(self.case.logs / f"{log}.out", "ab") if log else subprocess.PIPE
        errors = open(self.case.logs / f"{log}.err", "ab") if log else subprocess.PIPE
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder or self.work,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            start_new_session=True,
        )
        self.case.running.append(process)
        return process

    def run(self, command, timeout=60, **more):
        """Runs a command to its end, as the person at home would, and notes the lines that it prints."""
        process = self.start(command, **more)
        try:
            out, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            end(process)
            raise Unexpected(f"expected: an end within {timeout} s of {command}\n    came: none") from None
        ended = Ended(process.returncode, out.decode(errors="replace"), errors.decode(errors="replace"))
        self.case.note(ended.lines)
        return ended

    def write(self, name, content, mode=0o644):
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path


def end(process):
    """Kills a process and its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def until(true, what, timeout=PATIENCE):
    """Waits for something that nobody reports."""
    begun = time.monotonic()
    while not (value := true()):
        expect(time.monotonic() - begun < timeout, f"{what} within {timeout} s")
        time.sleep(0.05)
    return value


def alive(home):
    """The processes that have this home, or one below it: their ids and commands."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and f"HOME={home}".encode() in (entry / "environ").read_bytes():
                yield int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            pass  # It has just ended.


def fresh():
    """Makes the folders of a run anew."""
    for folder in (HOMES, LOGS):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
