"""A confirmed link: the records of both directions, counted and under their keys (SPEC 4)."""

import cbor2
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from check import HOST
from records import CHUNK, CONTROL, TAG, VERSION, plaintext, seal


class Link:
    def __init__(self, stream, made, role, index=0):
        directions = made["host_to_joiner"], made["joiner_to_host"]
        self.stream, self.index = stream, index
        self.out, self.back = directions if role == HOST else directions[::-1]
        self.ours, self.theirs = role, 3 - role
        self.sealed = self.opened = 0

    def seal(self, kind, body):
        """A record, to be sent whole, or half of it and then nothing more."""
        record = seal(self.out, self.ours, 0, self.sealed, plaintext(kind, body))
        self.sealed += 1
        return record

    def tell(self, control):
        self.stream.send_record(self.seal(CONTROL, cbor2.dumps(control)))

    def record(self):
        """The next record: its kind and its body."""
        sealed = self.stream.record()
        associated = bytes([VERSION, self.theirs]) + bytes(4) + len(sealed).to_bytes(4, "big")
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
