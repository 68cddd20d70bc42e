"""A direct connection: message 0 of both kinds (SPEC 3.8, 3.9), then frames and records on a stream."""

import secrets
import select
import socket
import struct

from check import CODE, HOST, LINK, REFUSAL, direct, frame, split_frame

PATIENCE = 60
FOR_MESSAGE_0 = 3
MESSAGE_0 = 25


class Stream:
    """A connection, and what has come over it too early."""

    def __init__(self, connection):
        connection.settimeout(PATIENCE)
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

    def ready(self, seconds):
        """Whether something is there to be read, waited for at most so long."""
        return bool(self.waiting or select.select([self.connection], [], [], seconds)[0])

    def send(self, frame):
        self.connection.sendall(frame)

    def frame(self):
        head = self.take(3)
        kind, body, _ = split_frame(head + self.take(int.from_bytes(head[1:], "big")))
        return kind, body

    def confirm(self):
        """Nobody but the joiner is told of a right tag here."""

    def send_record(self, record):
        self.connection.sendall(record)

    def record(self):
        """A record without its length (SPEC 4.1)."""
        return self.take(int.from_bytes(self.take(4), "big"))

    def cut(self, torn=None, reset=False):
        """Ends it as a network does, if there is one in the middle of this record."""
        try:
            if torn is not None:
                self.connection.sendall(torn[:len(torn) // 2])
            if reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        self.connection.close()

    def finish(self):
        """Closes this direction, and waits for the other side to close its own (SPEC 8.5)."""
        try:
            self.connection.shutdown(socket.SHUT_WR)
            while self.connection.recv(65536):
                pass
        except OSError:
            pass
        self.connection.close()


def message_0(kind, token=bytes(16)):
    return b"pinhole\x01" + bytes([kind]) + token


def dial(address, token=None):
    """A connection to a host that waits under a code, or for a link, whose token is said."""
    stream = Stream(socket.create_connection(address, FOR_MESSAGE_0 if token else PATIENCE))
    stream.send(message_0(LINK, token) if token else message_0(CODE))
    return stream


def answered(listener):
    """The connection of a joiner that has the code, after its message 0."""
    listener.settimeout(PATIENCE)
    stream = Stream(listener.accept()[0])
    assert stream.take(MESSAGE_0) == message_0(CODE)
    return stream


class Tokens:
    """The tokens of a conversation's direct connections, as one side has them (SPEC 3.9)."""

    def __init__(self, resume, role):
        self.resume, self.role = resume, role
        self.taken = set()

    def ours(self):
        return direct(self.resume, self.role, secrets.token_bytes(8))

    def takes(self, token):
        """Whether it is the other side's, and has not come before."""
        true = token == direct(self.resume, 3 - self.role, token[:8]) and token not in self.taken
        self.taken.add(token)
        return true

    def expect(self, stream):
        """Reads the other side's message 0; whether it is a true one. Who comes with the code hears that it is used."""
        stream.connection.settimeout(FOR_MESSAGE_0)
        message = stream.take(MESSAGE_0)
        stream.connection.settimeout(PATIENCE)
        true = message[:9] == message_0(LINK)[:9] and self.takes(message[9:])
        if message == message_0(CODE) and self.role == HOST:
            stream.send(frame(REFUSAL, b""))
        if not true:
            stream.connection.close()
        return true
