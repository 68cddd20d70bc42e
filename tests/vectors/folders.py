"""Puts a Python that is not faithful (SPEC 7.9) on the other side of folders: it takes one from the built program, and gives it one.

    cargo build --locked && venv/bin/python tests/vectors/folders.py

What it hears is what such a peer has always heard: paths of text, whether a file may be executed, all bytes, and neither links nor news of
what differs. What it says is stored. Exits 1 if a session does not end as it should.
"""

import os
import socket
import struct
import sys

import cbor2

from live import Peer, host, join
from peer.program import announced, lines, new_code, program, run
from peer.variants import ACCEPT, END, EXISTS, FILE, FOLDER, GIVE, LEAVE, OFFER, PATHS, RESULT, TAKE, WINDOW
from records import CHUNK, chunk, plaintext, seal

ITEM = 1
BEFORE = -1_500_000_000
# What comes that is no message.
CHUNK_CAME = "chunk"


class Bulk(Peer):
    """A peer that has chunks too."""

    def __init__(self, peer):
        self.__dict__ = peer.__dict__
        self.credit = 0

    def send_chunk(self, entry, data):
        text = plaintext(CHUNK, chunk(ITEM, entry, 0, data))
        self.stream.connection.sendall(seal(self.out, self.ours, 0, self.sealed, text))
        self.sealed += 1

    def hear(self):
        """What comes next: control as it is, a chunk as its entry, its offset and its data."""
        found = self.record()
        if found[0] == CHUNK:
            item, entry, offset = struct.unpack_from(">IIQ", found[1])
            return CHUNK_CAME, (item, entry, offset, found[1][16:])
        control, content = cbor2.loads(found[1])
        if control == 2:
            self.credit = max(self.credit, content[2])
        return control, content

    def next(self):
        """The next message or chunk: its kind, or `CHUNK_CAME`, and what it says."""
        while True:
            control, content = self.hear()
            if control == CHUNK_CAME:
                return control, content
            if control == 0:
                assert content[0] == self.expected and content[1]
                self.expected += 1
                self.tell([1, {0: self.expected, 1: WINDOW}])
                return cbor2.loads(content[2])


def take(peer):
    """Takes all of the one transfer that comes: its items, its entries as they were said, the bytes of each, and what its end says."""
    kind, (offer,) = peer.next()
    assert kind == OFFER, kind
    item = offer[0]
    peer.say([ACCEPT, {0: item}])
    entries, contents, parts, written = [], {}, 0, 0
    while True:
        kind, said = peer.next()
        if kind == CHUNK_CAME:
            of, entry, offset, data = said
            content = contents.setdefault(entry, bytearray())
            assert of == item and offset == len(content)
            content += data
            written += len(data)
        elif kind == PATHS:
            (part,) = said
            assert part[0] == item and part[1] == len(entries)
            entries += part[2]
            parts += 1
        elif kind == END:
            assert said == {0: item, 1: len(entries), 2: written}, said
            peer.say([RESULT, {0: item}])
            return offer, entries, contents
        else:
            raise AssertionError(f"message {kind}")
        peer.tell([2, {0: item, 1: written + WINDOW, 2: parts, 3: []}])


def make(root):
    """A folder of what has been said to such a peer always, and of what never is."""
    files = {b".git/config": b"[core]",
             b"a\\b": b"1", b"tab\tx": b"2", b"caf\xe9": b"3", "\u0645\u06cc\u200c".encode(): b"4", b"empty": b"",
             b"dots.": b"5"}
    for name, content in files.items():
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    for name, mode in ((b"run", 0o755), (b"own", 0o600), (b"others", 0o645)):
        with open(os.path.join(root, name), "wb") as file:
            file.write(name)
        os.chmod(os.path.join(root, name), mode)
        files[name] = name
    with open(os.path.join(root, b"sparse"), "wb") as file:
        file.truncate(3 << 20)
        os.pwrite(file.fileno(), b"middle", 1 << 20)
    files[b"sparse"] = bytes(1 << 20) + b"middle" + bytes((2 << 20) - 6)
    os.utime(os.path.join(root, b"own"), ns=(0, BEFORE))
    os.mkdir(os.path.join(root, b"none in it"))
    os.symlink(b"own", os.path.join(root, b"link"))
    os.symlink(b"/etc/passwd", os.path.join(root, b"outward"))
    os.mkfifo(os.path.join(root, b"pipe"))
    os.makedirs(os.path.join(root, *[b"d"] * 70))
    return files


def told(name):
    return name.decode(errors="replace")


def takes(home):
    sent = make(os.path.join(home.encode(), b"sent"))
    giver = program(home, "give", "sent")
    peer = Bulk(join(announced(giver)))
    control, content = peer.hear()
    assert control == 4 and content[0][2] == GIVE, content
    peer.tell([5, peer.greeting(TAKE)])
    offer, entries, contents = take(peer)
    assert offer[1] == [{0: "sent", 1: FOLDER}] and 5 not in offer, offer
    found = {"/".join(entry[0][1:]): (number, entry) for number, entry in enumerate(entries)}
    assert entries[0][0] == ["sent"] and len(found) == len(entries)
    files = {path: bytes(contents.get(number, b"")) for path, (number, entry) in found.items() if entry[1] == FILE}
    assert files == {told(name): content for name, content in sent.items()}, files.keys() ^ map(told, sent)
    assert all(entry.get(2) == len(files[path]) for path, (_, entry) in found.items() if entry[1] == FILE)
    assert {path for path, (_, entry) in found.items() if entry[3]} == {"run"}
    assert {field for entry in entries for field in entry} <= {0, 1, 2, 3, 4, 5}
    own = found["own"][1]
    assert (own[4], own[5]) == (-2, 500_000_000), own
    folders = {path for path, (_, entry) in found.items() if entry[1] == FOLDER} - {""}
    deep = {"/".join(["d"] * level) for level in range(1, 64)}
    assert folders == {".git", "none in it"} | deep, folders
    peer.message(LEAVE)
    peer.say([LEAVE, {0: 0}])
    peer.close()
    said, status = lines(giver)
    delivered = [line for line in said if line["type"] == "delivered"]
    left_out = sorted(line["detail"].split(" was left out")[0] for line in said if line.get("error") == "skipped")
    expected = [os.path.join(home, "sent", name) for name in ("/".join(["d"] * 64), "link", "outward", "pipe")]
    assert status == 0 and delivered[0]["left_out"] == 4 and left_out == expected, said


def give(home, entries, arguments=()):
    """Gives these entries, as their path below the item, whether they may be executed and their content; the result, and what was said."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        code = new_code(listener.getsockname()[1])
        taker = program(home, "take", code, "-o", ".", *arguments)
        peer = Bulk(host(listener, code))
    peer.tell([4, peer.greeting(GIVE)])
    control, content = peer.hear()
    assert control == 5 and content[0][2] == TAKE, content
    kinds = [{1: FOLDER} if data is None else {1: FILE, 2: len(data)} for _, _, data in entries]
    whole = [{0: ["gift", *path]} | kind | {3: execute, 4: -2, 5: 500_000_000} for kind, (path, execute, _) in zip(kinds, entries)]
    size = sum(len(data or b"") for _, _, data in entries)
    peer.say([OFFER, [{0: ITEM, 1: [{0: "gift", 1: FOLDER}], 2: size, 3: len(whole), 4: True}]])
    kind, said = peer.next()
    assert (kind, said) == (ACCEPT, {0: ITEM}), said
    peer.say([PATHS, [{0: ITEM, 1: 0, 2: whole}]])
    while peer.credit < 1:
        control, content = peer.hear()
        if control == 0:
            break
    else:
        for number, (_, _, data) in enumerate(entries):
            if data:
                peer.send_chunk(number, data)
        peer.say([END, {0: ITEM, 1: len(whole), 2: size}])
        kind, content = peer.next()
        assert kind == RESULT
        peer.say([LEAVE, {0: 0}])
        peer.message(LEAVE)
        peer.close()
        return content, *lines(taker)
    result = cbor2.loads(content[2])
    peer.expected += 1
    peer.tell([1, {0: peer.expected, 1: WINDOW}])
    peer.say([LEAVE, {0: 0}])
    peer.message(LEAVE)
    peer.close()
    return result[1], *lines(taker)


def gives(home):
    os.umask(0o022)
    entries = [([], False, None), ([".git"], False, None), ([".git", "config"], False, b"[core]"), (["a b"], False, b"1"),
               (["run"], True, b"2"),
               (["tab\tx"], False, b"3"), (["empty"], False, b""), (["none in it"], False, None), (["\u0645\u06cc\u200c"], False, b"4"),
               (["dots."], False, b"5"),
               (["-rf"], False, b"6")]
    result, said, status = give(home, entries)
    # Of what differs it hears nothing.
    assert result == {0: ITEM}, result
    for path, execute, data in entries:
        at = os.path.join(home, "gift", *(name.replace("\t", "_") for name in path))
        about = os.lstat(at)
        assert about.st_mtime_ns == BEFORE, path
        if data is None:
            assert os.path.isdir(at) and about.st_mode & 0o777 == 0o755, path
        else:
            with open(at, "rb") as file:
                assert file.read() == data
            assert about.st_mode & 0o7777 == (0o755 if execute else 0o644), path
    assert len(os.listdir(os.path.join(home, "gift"))) == len([entry for entry in entries if len(entry[0]) == 1])
    file = [line for line in said if line["type"] == "file"]
    assert status == 0 and [(one["path"], one["name"]) for one in file[0]["renamed"]] == [("gift/tab\tx", "tab_x")], said


def clashes(home):
    entries = [([], False, None), (["x\x01"], False, b""), (["x_"], False, b"")]
    result, said, status = give(home, entries)
    assert result == {0: ITEM, 1: EXISTS}, result
    assert status == 8 and not os.path.exists(os.path.join(home, "gift")), said
    assert not [name for name in os.listdir(home) if name.endswith(".part")]


def main():
    return run("folders", (takes, gives, clashes), 5)


if __name__ == "__main__":
    sys.exit(main())
