"""Puts Python on the other side of live sessions with the built program, as a host and as a joiner (SPEC 3 to 5).

    cargo build --locked && venv/bin/python tests/vectors/live.py

The handshake is python-spake2's, the records are those of `cryptography`, the messages those of `cbor2`: a text goes each way and is
delivered, and a wrong code is refused each way. Everything stays on 127.0.0.1. `PINHOLE_FULL=1` runs a thousand sessions instead of a few.
Exits 1 if one does not end as it should.
"""

import json
import os
import pathlib
import secrets
import socket
import subprocess
import sys
import tempfile

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from check import (ANSWER, CODE, CONFIRMATION, HELLO, HOST, JOINER, REFUSAL, WORDS, code_context, committed, extract, frame, hello, keys,
                   message_1, message_2, message_3, sha256, split_frame, split_hello, start, transcript)
from records import CHUNK, CONTROL, TAG, VERSION, plaintext, seal

PROGRAM = pathlib.Path(__file__).parents[2] / "target/debug/pinhole"
OPENING = b"pinhole\x01" + bytes([CODE]) + bytes(16)
PATIENCE = 60
GIVE, TAKE = 0, 1
WINDOW = 16 << 20
TEXT = "gr\u00fc\u00dfe from the other side"


class Stream:
    """A connection, and what has come over it too early."""

    def __init__(self, connection):
        self.connection = connection
        self.waiting = b""

    def take(self, length):
        while len(self.waiting) < length:
            more = self.connection.recv(65536)
            if not more:
                raise EOFError
            self.waiting += more
        taken, self.waiting = self.waiting[:length], self.waiting[length:]
        return taken

    def frame(self):
        head = self.take(3)
        kind, body, _ = split_frame(head + self.take(int.from_bytes(head[1:], "big")))
        return kind, body


class Peer:
    """A confirmed link, on which numbered messages go both ways and come whole."""

    def __init__(self, stream, out, back, ours, commitment=None, nonce=None):
        self.stream, self.out, self.back = stream, out, back
        self.commitment, self.nonce = commitment, nonce
        self.ours, self.theirs = (ours, 3 - ours)
        self.sealed = self.opened = self.number = self.expected = 0

    def tell(self, control):
        self.stream.connection.sendall(seal(self.out, self.ours, 0, self.sealed, plaintext(CONTROL, cbor2.dumps(control))))
        self.sealed += 1

    def record(self):
        """The next record: its kind and its body."""
        length = self.stream.take(4)
        sealed = self.stream.take(int.from_bytes(length, "big"))
        associated = bytes([VERSION, self.theirs]) + bytes(4) + length
        text = AESGCM(self.back).decrypt(bytes(4) + self.opened.to_bytes(8, "big"), sealed, associated)
        self.opened += 1
        kind, size = text[0], int.from_bytes(text[1:5], "big")
        body, padding = text[5:5 + size], text[5 + size:]
        assert len(sealed) == len(text) + TAG and not any(padding) and kind in (CONTROL, CHUNK)
        return kind, body

    def hear(self):
        kind, body = self.record()
        assert kind == CONTROL
        return cbor2.loads(body)

    def greeting(self, want):
        opened = {} if self.nonce is None else {4: self.nonce}
        return [{0: 0, 1: WINDOW, 2: want, 3: 3600} | opened]

    def say(self, message):
        self.tell([0, {0: self.number, 1: True, 2: cbor2.dumps(message)}])
        self.number += 1

    def message(self, kind):
        """The next message of this kind; every message is acknowledged."""
        while True:
            control, content = self.hear()
            if control != 0:
                continue
            assert content[0] == self.expected and content[1]
            self.expected += 1
            self.tell([1, {0: self.expected, 1: WINDOW}])
            found, fields = cbor2.loads(content[2])
            if found == kind:
                return fields


    def close(self):
        """Closes once the other side has said its last."""
        try:
            while True:
                self.hear()
        except EOFError:
            self.stream.connection.close()


def password(code):
    number, *words = code.split("-")
    return code_context(int(number)), "-".join(words).encode()


def derived(context, exchange, theirs, hellos, shares):
    digest = transcript(context, *hellos, *shares)
    return keys(extract(digest, exchange.finish(theirs)))


def join(code):
    """Joins the program's host; the peer, or nothing if it says that the code is wrong."""
    context, words = password(code)
    connection = socket.create_connection(("127.0.0.1", int(code.split("-")[0])), PATIENCE)
    stream = Stream(connection)
    connection.sendall(OPENING)
    kind, body = stream.frame()
    hello_host, share_host = split_hello(body)
    assert kind == HELLO and len(share_host) == 33 and hello_host[-1] == len(words.split(b"-"))
    exchange, share = start(JOINER, words, context)
    ours = hello(JOINER, CODE, secrets.token_bytes(16))
    made = derived(context, exchange, share_host, (hello_host, ours), (share_host, share))
    connection.sendall(message_2(body, ours, share, made["confirm_joiner"]))
    kind, body = stream.frame()
    if kind == REFUSAL:
        return None
    assert (kind, body) == (CONFIRMATION, made["confirm_host"])
    return Peer(stream, made["joiner_to_host"], made["host_to_joiner"], JOINER, commitment=hello_host[-33:-1])


def host(listener, code):
    """Hosts for the program's joiner; the peer, or nothing if its tag is wrong, which it is told."""
    context, words = password(code)
    connection, _ = listener.accept()
    connection.settimeout(PATIENCE)
    stream = Stream(connection)
    assert stream.take(len(OPENING)) == OPENING
    exchange, share = start(HOST, words, context)
    nonce = secrets.token_bytes(32)
    ours = hello(HOST, CODE, secrets.token_bytes(16), commitment=committed(nonce))
    first = message_1(ours, share)
    connection.sendall(first)
    kind, body = stream.frame()
    digest, (theirs, rest) = body[:32], split_hello(body[32:])
    share_joiner, tag = rest[:33], rest[33:]
    assert kind == ANSWER and digest == sha256(first[3:]).digest()
    made = derived(context, exchange, share_joiner, (ours, theirs), (share, share_joiner))
    if tag != made["confirm_joiner"]:
        connection.sendall(frame(REFUSAL, b""))
        connection.close()
        return None
    connection.sendall(message_3(made["confirm_host"]))
    return Peer(stream, made["host_to_joiner"], made["joiner_to_host"], HOST, nonce=nonce)


def program(home, *arguments):
    environment = {"HOME": home, "PATH": "/usr/bin:/bin", "PINHOLE_NETWORK": "loopback"}
    return subprocess.Popen([PROGRAM, *arguments], env=environment, cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


def lines(process):
    """The JSON lines to the end, and the exit status."""
    output, _ = process.communicate(timeout=PATIENCE)
    return [json.loads(line) for line in output.splitlines()], process.returncode


def announced(process):
    while True:
        line = json.loads(process.stdout.readline())
        if line.get("event") == "channel":
            return line["code"]


def new_code(port):
    return "-".join([str(port), *(secrets.choice(WORDS) for _ in range(3))])


def other(code):
    return code.rsplit("-", 1)[0] + ("-mango" if code.endswith("-walrus") else "-walrus")


def joiner_takes(home):
    giver = program(home, "give", "--text", TEXT)
    peer = join(announced(giver))
    control, content = peer.hear()
    assert control == 4 and content[0][2] == GIVE and committed(content[0][4]) == peer.commitment, content
    peer.tell([5, peer.greeting(TAKE)])
    text = peer.message(0)
    assert text[1] == TEXT
    peer.say([6, {0: text[0]}])
    peer.message(9)
    peer.say([9, {0: 0}])
    peer.close()
    said, status = lines(giver)
    assert status == 0 and any(line["type"] == "delivered" for line in said), said


def host_gives(home):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        code = new_code(listener.getsockname()[1])
        taker = program(home, "take", code)
        peer = host(listener, code)
        peer.tell([4, peer.greeting(GIVE)])
        control, content = peer.hear()
        assert control == 5 and content[0][2] == TAKE, content
        peer.say([0, {0: 1, 1: TEXT}])
        result = peer.message(6)
        assert result[0] == 1 and result.get(1) is None, result
        peer.say([9, {0: 0}])
        peer.message(9)
        peer.close()
        said, status = lines(taker)
        assert status == 0 and [line["body"] for line in said if line["type"] == "text"] == [TEXT], said


def host_opens_another(home):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        code = new_code(listener.getsockname()[1])
        taker = program(home, "take", code)
        peer = host(listener, code)
        peer.nonce = secrets.token_bytes(32)
        peer.tell([4, peer.greeting(GIVE)])
        peer.say([0, {0: 1, 1: TEXT}])
        peer.close()
        said, status = lines(taker)
        assert status == 7 and not any(line["type"] == "text" for line in said), said


def joiner_guesses(home):
    giver = program(home, "give", "--text", TEXT)
    assert join(other(announced(giver))) is None
    _, status = lines(giver)
    assert status == 3


def host_guesses(home):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        code = new_code(listener.getsockname()[1])
        taker = program(home, "take", other(code))
        assert host(listener, code) is None
        _, status = lines(taker)
        assert status == 3


def run(name, sessions, rounds):
    """Runs each of these sessions so often, each time with a home of its own, and says how many went well; the exit status."""
    passed = failed = 0
    for session in sessions:
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as home:
                try:
                    session(home)
                    passed += 1
                except (AssertionError, OSError, EOFError, InvalidTag, subprocess.TimeoutExpired) as error:
                    print(f"{session.__name__}: {error!r}")
                    failed += 1
    print(f"{name}: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def main():
    sessions = (joiner_takes, host_gives, host_opens_another, joiner_guesses, host_guesses)
    return run("live", sessions, 250 if os.environ.get("PINHOLE_FULL") else 50)


if __name__ == "__main__":
    sys.exit(main())
