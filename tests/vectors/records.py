"""Recomputes records.json from SPEC 4 alone, with PyPI's `cryptography` for AES-GCM and HKDF. Exits 1 if a byte differs."""

import hashlib
import json
import pathlib
import struct
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

VERSION = 1
CONTROL, CHUNK = 1, 2
TAG = 16


def epoch_key(key, epoch):
    """SPEC 4.4: the key of an epoch, from that of epoch 0."""
    for _ in range(epoch):
        key = HKDFExpand(algorithm=SHA256(), length=32, info=b"pinhole/1 rekey").derive(key)
    return key


def plaintext(kind, body):
    """SPEC 4.3: kind, length, body and padding."""
    text = struct.pack(">BI", kind, len(body)) + body
    return text + bytes(-len(text) % 256) if len(text) <= 4352 else text


def chunk(transfer, entry, offset, data):
    """SPEC 4.3: the body of a chunk."""
    return struct.pack(">IIQ", transfer, entry, offset) + data


def seal(key, direction, epoch, counter, text):
    """SPEC 4.1 and 4.2: the record on the wire, under the key of its epoch."""
    length = len(text) + TAG
    nonce = bytes(4) + struct.pack(">Q", counter)
    associated = struct.pack(">BBII", VERSION, direction, epoch, length)
    return struct.pack(">I", length) + AESGCM(key).encrypt(nonce, text, associated)


def content(record):
    """The plaintext that an entry of the file describes."""
    said = bytes.fromhex(record["body"]) if "body" in record else bytes(i % 251 for i in range(record["length"]))
    if record["kind"] == "control":
        return plaintext(CONTROL, said)
    return plaintext(CHUNK, chunk(record["transfer"], record["entry"], int(record["offset"]), said))


def agrees(record):
    """Whether an entry of the file is what SPEC 4 makes of its inputs."""
    key = epoch_key(bytes.fromhex(record["key"]), record["epoch"])
    wire = seal(key, record["direction"], record["epoch"], record["counter"], content(record))
    if key.hex() != record["epoch_key"]:
        return False
    if "wire" in record:
        return wire.hex() == record["wire"]
    return len(wire) == record["wire_length"] and hashlib.sha256(wire).hexdigest() == record["wire_sha256"]


def main():
    """Compares every record and says how many agree."""
    records = json.loads(pathlib.Path(__file__).with_name("records.json").read_text())["records"]
    failed = [f"{record['name']}, direction {record['direction']}" for record in records if not agrees(record)]
    for name in failed:
        print(f"differs: {name}")
    print(f"records: {len(records) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not records else 0


if __name__ == "__main__":
    sys.exit(main())
