"""A connection through a relay: a small WebSocket client (RFC 6455), and on it numbers, attempts and slots (SPEC 10)."""

import base64
import hashlib
import json
import os
import socket

from check import split_frame

from .direct import PATIENCE, Stream

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
SALT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Met(Stream):
    """A side's connection to a relay: each handshake message and each record is a binary frame."""

    def __init__(self, port, token):
        super().__init__(socket.create_connection(("127.0.0.1", port), PATIENCE))
        self.attempt = None
        key = base64.b64encode(os.urandom(16))
        request = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        request += f"Sec-WebSocket-Key: {key.decode()}\r\nSec-WebSocket-Protocol: pinhole.1, {token}\r\n\r\n"
        self.connection.sendall(request.encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.take(1)
        status, *fields = head.decode().split("\r\n")[:-2]
        fields = {name.lower(): value.strip() for name, value in (field.split(":", 1) for field in fields)}
        assert status.split()[1] == "101", status
        assert fields["sec-websocket-accept"].encode() == base64.b64encode(hashlib.sha1(key + SALT).digest())
        assert fields["sec-websocket-protocol"] == "pinhole.1"

    def write(self, kind, payload):
        mask = os.urandom(4)
        size = len(payload)
        length = bytes([size | 128]) if size < 126 else b"\xfe" + size.to_bytes(2, "big") if size < 65536 else b"\xff" + size.to_bytes(8, "big")
        masked = int.from_bytes(payload, "big") ^ int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        return bytes([128 | kind]) + length + mask + masked.to_bytes(size, "big")

    def read(self):
        """The next frame that is not about the connection itself."""
        while True:
            kind, size = self.take(2)
            if size >= 126:
                size = int.from_bytes(self.take(2 if size == 126 else 8), "big")
            payload = self.take(size)
            if kind == 128 | PING:
                self.connection.sendall(self.write(PONG, payload))
            elif kind == 128 | CLOSE:
                raise EOFError(payload[2:].decode())
            elif kind != 128 | PONG:
                assert kind in (128 | TEXT, 128 | BINARY), kind
                return kind & 15, payload

    def say(self, **said):
        self.connection.sendall(self.write(TEXT, json.dumps(said).encode()))

    def told(self, expected):
        """The relay's next word, which is this one."""
        kind, payload = self.read()
        said = json.loads(payload)
        assert kind == TEXT and said["type"] == expected, said
        return said

    def send(self, frame):
        self.send_binary(b"" if self.attempt is None else self.attempt.to_bytes(4, "big"), frame)

    def send_binary(self, head, payload):
        self.connection.sendall(self.write(BINARY, head + payload))

    def frame(self):
        kind, payload = self.read()
        assert kind == BINARY, payload
        if self.attempt is not None:
            assert int.from_bytes(payload[:4], "big") == self.attempt
            payload = payload[4:]
        kind, body, rest = split_frame(payload)
        assert not rest
        return kind, body

    def confirm(self):
        """The relay is told of a right tag before message 3 goes out, of a code (SPEC 10.3)."""
        if self.attempt is not None:
            self.say(type="confirmed", attempt=self.attempt)
            self.attempt = None

    def send_record(self, record):
        self.send_binary(b"", record[4:])

    def record(self):
        kind, payload = self.read()
        assert kind == BINARY, payload
        return payload

    def cut(self, torn=None, reset=False):
        super().cut(None if torn is None else self.write(BINARY, torn[4:]), reset)

    def finish(self):
        try:
            self.connection.sendall(self.write(CLOSE, (1000).to_bytes(2, "big")))
        except OSError:
            pass
        super().finish()


def new_number(port):
    """A host's connection, and the number that the relay gave it."""
    met = Met(port, "host")
    said = met.told("number")
    met.attempt = said["attempt"]
    return met, said["number"]


def join_number(port, number):
    met = Met(port, f"join-{number}")
    met.told("waiting")
    return met


def meet(port, side, token):
    """The other end of a link, once it is there."""
    met = Met(port, f"link-{side}-{token.hex()}")
    met.told("waiting")
    met.told("paired")
    return met
