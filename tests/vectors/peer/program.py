"""The built program: started, read, and told to end; and the loop that runs the sessions of a script."""

import json
import pathlib
import secrets
import signal
import subprocess
import tempfile
import traceback
from contextlib import contextmanager

from cryptography.exceptions import InvalidTag

from check import WORDS

PROGRAM = pathlib.Path(__file__).parents[3] / "target/debug/pinhole"
PATIENCE = 60
OF_A_SOURCE = ("--connections", "--waiting-hosts", "--hosts-a-minute", "--joins-a-minute", "--misses-a-minute", "--source-numbers")
# What a session has started, and leaves behind if it fails.
STARTED = []


def program(home, *arguments, **options):
    environment = {"HOME": home, "PATH": "/usr/bin:/bin", "PINHOLE_NETWORK": "loopback"} | options.pop("environment", {})
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE} | options
    process = subprocess.Popen([PROGRAM, *arguments], env=environment, cwd=home, text=True, **options)
    STARTED.append(process)
    return process


def lines(process):
    """The JSON lines to the end, and the exit status."""
    output, _ = process.communicate(timeout=PATIENCE)
    return [json.loads(line) for line in output.splitlines()], process.returncode


def announced(process):
    while True:
        line = json.loads(process.stdout.readline())
        if line.get("event") == "channel":
            return line["code"]


@contextmanager
def relay(home):
    """A relay of the program, at the port that is given, where one source may do whatever sessions one after another do."""
    many = [word for limit in OF_A_SOURCE for word in (limit, "10000")]
    process = program(home, "relay", "--listen", "127.0.0.1:0", *many, stderr=subprocess.PIPE)
    try:
        while (line := json.loads(process.stderr.readline())).get("event") != "listening":
            pass
        STARTED.remove(process)
        yield line["port"]
    finally:
        process.kill()
        process.communicate()


def nameplate(code):
    return int(code.split("-")[0])


def new_code(port):
    return "-".join([str(port), *(secrets.choice(WORDS) for _ in range(3))])


def named(session, *arguments):
    """A session with these arguments, by a name that tells them."""
    def one(home):
        session(home, *arguments)
    one.__name__ = " ".join([session.__name__, *(str(getattr(argument, "__name__", argument)) for argument in arguments)])
    return one


def too_long(*_):
    raise AssertionError(f"not over after {PATIENCE} s")


def run(name, sessions, rounds):
    """Runs each of these sessions so often, each time with a home of its own, and says how many went well; the exit status."""
    passed = failed = 0
    signal.signal(signal.SIGALRM, too_long)
    for session in sessions:
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as home:
                signal.alarm(PATIENCE)
                try:
                    session(home)
                    passed += 1
                except (AssertionError, OSError, EOFError, InvalidTag, subprocess.TimeoutExpired) as error:
                    at = traceback.extract_tb(error.__traceback__)
                    where = ", ".join(f"{pathlib.Path(frame.filename).name}:{frame.lineno}" for frame in at[1:])
                    print(f"{session.__name__}: {error!r} ({where})", flush=True)
                    for process in STARTED:
                        process.kill()
                        if not process.stdout.closed:
                            print(process.communicate()[0], flush=True)
                    failed += 1
                finally:
                    signal.alarm(0)
                    for process in STARTED:
                        process.kill()
                    STARTED.clear()
    print(f"{name}: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
