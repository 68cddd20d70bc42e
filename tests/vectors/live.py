"""Puts Python on the other side of live sessions with the built program, as a host and as a joiner (SPEC 3 to 5).

    cargo build --locked && venv/bin/python tests/vectors/live.py

The handshake is python-spake2's, the records are those of `cryptography`, the messages those of `cbor2`: a text goes each way and is
delivered, and a wrong code is refused each way. Everything stays on 127.0.0.1. `PINHOLE_FULL=1` runs a thousand sessions instead of a few.
Exits 1 if one does not end as it should.
"""

import os
import secrets
import socket
import sys

import cbor2

from check import HOST, JOINER, committed, message_3
from peer import direct
from peer.handshake import confirmed, host_code, join_code
from peer.link import Link
from peer.program import announced, lines, new_code, program, run
from peer.variants import GIVE, TAKE, WINDOW

TEXT = "gr\u00fc\u00dfe from the other side"


class Peer(Link):
    """One that has no capability: a conversation of one link, on which numbered messages go both ways and come whole."""

    def __init__(self, stream, made, role, commitment=None, nonce=None):
        super().__init__(stream, made, role)
        self.commitment, self.nonce = commitment, nonce
        self.number = self.expected = 0

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


def join(code):
    """Joins the program's host; the peer, or nothing if it says that the code is wrong."""
    stream = direct.dial(("127.0.0.1", int(code.split("-")[0])))
    made = join_code(stream, code)
    return Peer(stream, made.keys, JOINER, commitment=made.hello.rest[:32]) if confirmed(stream, made.keys) else None


def host(listener, code):
    """Hosts for the program's joiner; the peer, or nothing if its tag is wrong, which it is told."""
    stream = direct.answered(listener)
    made = host_code(stream, code)
    if made is None:
        return None
    stream.send(message_3(made.keys["confirm_host"]))
    return Peer(stream, made.keys, HOST, nonce=made.nonce)


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


def main():
    sessions = (joiner_takes, host_gives, host_opens_another, joiner_guesses, host_guesses)
    return run("live", sessions, 250 if os.environ.get("PINHOLE_FULL") else 50)


if __name__ == "__main__":
    sys.exit(main())
