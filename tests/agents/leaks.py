"""Whether a secret is anywhere but where it belongs: in what a model was sent, in files, in the processes that ran."""

import base64
import random
import string
import threading
import time
from pathlib import Path

from world import files

# Around the core of a value stands what encodings treat differently: it is found by the core, whatever became of that.
AROUND = '"/\\+=%é&'


class Secrets:
    """Values that all hold one random core, so that a single search finds each of them in every encoding."""

    def __init__(self):
        self.core = "".join(random.SystemRandom().choices(string.ascii_letters + string.digits, k=24))
        self.needles = encodings(self.core.encode())

    def value(self, number):
        return f"{number:04}{AROUND}{self.core}{AROUND}"

    def search(self, data):
        """The encodings in which a value is in the data."""
        return sorted({name for needle, name in self.needles.items() if needle in data})

    def search_files(self, folders, meant):
        """The path and encoding of each value in a file below these folders, but those that are meant to hold one."""
        for folder in folders:
            for path in files(folder):
                if path.is_file() and not path.is_symlink() and path not in meant:
                    yield from (
                        (str(path), name)
                        for name in self.search(path.read_bytes()) + self.search(bytes(path.name, "utf-8", "surrogateescape"))
                    )


def encodings(core):
    """What to look for, and the name of the encoding."""
    needles = {
        core: "raw",
        core[::-1]: "backwards",
        core.hex().encode(): "hex",
        core.hex().upper().encode(): "hex, capitals",
        core.decode().encode("utf-16-le"): "UTF-16",
        core.decode().encode("utf-16-be"): "UTF-16, big-endian",
    }
    for name, form in [
        ("percent", "%{:02x}"),
        ("percent, capitals", "%{:02X}"),
        (r"\u", r"\u{:04x}"),
        (r"\u, capitals", r"\u{:04X}"),
        (r"\x", r"\x{:02x}"),
    ]:
        needles["".join(form.format(byte) for byte in core).encode()] = name
    for offset in range(3):
        # The letters at both ends that depend on what stands beside the core are left out. Of letters and digits, base64url is the same.
        text = base64.b64encode(bytes(offset) + core)[(0, 2, 3)[offset] : (len(core) + offset) * 8 // 6]
        needles[text] = f"base64, offset {offset}"
    return needles


class Watch:
    """Looks at the command lines and environments of all processes, again and again, until it is left."""

    def __init__(self, secrets, meant):
        """`meant` says of a command line whether that process may have a value in its environment."""
        self.secrets, self.meant, self.hits, self.looks, self.over = secrets, meant, set(), 0, threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def watch(self):
        while not self.over.is_set():
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    self.look(entry)
            self.looks += 1
            time.sleep(0.03)

    def look(self, entry):
        try:
            command = (entry / "cmdline").read_bytes()
            environment = (entry / "environ").read_bytes()
            after = (entry / "cmdline").read_bytes()
        except OSError:
            return  # It has just ended.
        if not command or command != after:
            return  # It becomes another program or ends, so whose environment that is nobody knows; the next look does.
        shown = command.replace(b"\0", b" ").decode(errors="replace").strip()
        self.hits.update(("cmdline", shown, name) for name in self.secrets.search(command))
        if not self.meant(shown):
            self.hits.update(("environ", shown, name) for name in self.secrets.search(environment))
