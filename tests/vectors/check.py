"""Computes every handshake vector a second time, with python-spake2 and pyca/cryptography, and compares (SPEC 9.1).

    python3 -m venv venv && venv/bin/pip install -r tests/vectors/requirements.txt
    venv/bin/python tests/vectors/check.py

Written from SPEC.md, not from the Rust code. The functions above `check_handshake` are SPEC 3 in Python and are imported by tests that
put Python on the other side of a live handshake. Exits 1 if anything differs.
"""

import hmac
import json
import sys
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from spake2 import SPAKE2_A, SPAKE2_B

HERE = Path(__file__).parent
WORDS = (HERE / "../../wordlists/eff-short-2.txt").read_text().split()

APP = b"pinhole/1"
HOST, JOINER = 1, 2
CODE, LINK = 1, 2
HELLO, ANSWER, CONFIRMATION, REFUSAL, NO_COMMON_VERSION = 1, 2, 3, 4, 5


# SPEC 3.1: frames.

def frame(kind, body):
    return bytes([kind]) + len(body).to_bytes(2, "big") + body


def split_frame(data):
    """Kind, body and what follows; nothing while the frame is incomplete."""
    if len(data) < 3 or len(data) < 3 + int.from_bytes(data[1:3], "big"):
        return None
    end = 3 + int.from_bytes(data[1:3], "big")
    return data[0], data[3:end], data[end:]


# SPEC 3.2: hellos.

# SPEC 3.2: the capabilities that the vectors' sides have, faithful, resuming, proving and striping; live.py has none, and is served all the same.
CAPABILITIES = 15


def hello(role, purpose, random, versions=(1,), capabilities=0, linked=False, commitment=b"", words=None, index=None, reserved=b""):
    rest = bytes([len(versions)]) + b"".join(version.to_bytes(2, "big") for version in versions)
    rest += capabilities.to_bytes(8, "big") + bytes([role]) + random + bytes([purpose, linked]) + commitment
    rest += (bytes([words]) if words else b"") + (b"" if index is None else index.to_bytes(4, "big")) + reserved
    return bytes([len(rest)]) + rest


def split_hello(body):
    end = 1 + body[0]
    return body[:end], body[end:]


# SPEC 3.3: what a handshake is about, and shares.

def code_context(nameplate):
    return nameplate.to_bytes(4, "big")


def link_context(conversation, index):
    return conversation + index.to_bytes(4, "big")


def identity(role, context):
    return APP + bytes([role]) + context


def start(role, password, context, scalar=None):
    """One side of SPAKE2 and its share. A scalar is given as 32 bytes, little-endian, or drawn."""
    side = SPAKE2_A if role == HOST else SPAKE2_B
    options = {}
    if scalar is not None:
        # python-spake2 draws a number below the group order from big-endian bytes.
        options["entropy_f"] = lambda count: scalar[::-1][-count:]
    exchange = side(password, idA=identity(HOST, context), idB=identity(JOINER, context), **options)
    return exchange, exchange.start()


# SPEC 3.4: messages.

def message_1(hello_host, share_host):
    return frame(HELLO, hello_host + share_host)


def message_2(message_1_body, hello_joiner, share_joiner, confirm_joiner):
    return frame(ANSWER, sha256(message_1_body).digest() + hello_joiner + share_joiner + confirm_joiner)


def message_3(confirm_host):
    return frame(CONFIRMATION, confirm_host)


# SPEC 3.5: keys.

def transcript(context, hello_host, hello_joiner, share_host, share_joiner):
    parts = [APP, context, hello_host, hello_joiner, share_host, share_joiner]
    return sha256(b"".join(len(part).to_bytes(2, "big") + part for part in parts)).digest()


def extract(salt, secret):
    return hmac.digest(salt, secret, "sha256")


def expand(key, info, length=32):
    return HKDFExpand(algorithm=SHA256(), length=length, info=info).derive(key)


def committed(nonce):
    return sha256(b"pinhole/1 verifier" + nonce).digest()


def keys(prk, nonce=b""):
    """All keys of a code's handshake; a link's has no resume, verifier and conversation."""
    return {
        "confirm_host": expand(prk, b"confirm host"),
        "confirm_joiner": expand(prk, b"confirm joiner"),
        "host_to_joiner": expand(prk, b"host->joiner"),
        "joiner_to_host": expand(prk, b"joiner->host"),
        "resume": expand(prk, b"resume"),
        "verifier": expand(prk, b"verifier" + nonce),
        "conversation": expand(prk, b"conversation id"),
    }


def verifier_words(verifier):
    return [WORDS[int.from_bytes(verifier[at:at + 8], "big") % len(WORDS)] for at in range(0, 32, 8)]


def slot(resume, place):
    return expand(resume, b"slot relay" + place.to_bytes(4, "big"), 16)


def direct(resume, role, random):
    return random + expand(resume, b"slot direct" + bytes([role]) + random, 8)


def proof_key(resume, sender):
    return expand(resume, b"proof" + bytes([sender]))


# The check.

def handshake(context, password, given):
    """Everything that follows from the inputs: both scalars, both hellos and a code's nonce."""
    host, share_host = start(HOST, password, context, given["scalar_host"])
    joiner, share_joiner = start(JOINER, password, context, given["scalar_joiner"])
    output = host.finish(share_joiner)
    assert output == joiner.finish(share_host), "python-spake2 does not agree with itself"
    hellos = given["hello_host"], given["hello_joiner"]
    digest = transcript(context, *hellos, share_host, share_joiner)
    prk = extract(digest, output)
    found = keys(prk, given.get("nonce", b""))
    found |= {
        "id_host": identity(HOST, context),
        "id_joiner": identity(JOINER, context),
        "share_host": share_host,
        "share_joiner": share_joiner,
        "spake2": output,
        "transcript": digest,
        "prk": prk,
        "message_1": message_1(hellos[0], share_host),
        "message_2": message_2(hellos[0] + share_host, hellos[1], share_joiner, found["confirm_joiner"]),
        "message_3": message_3(found["confirm_host"]),
    }
    return found


def check_code(case):
    context = code_context(int(case["nameplate"]))
    given = {name: bytes.fromhex(case[name]) for name in ("scalar_host", "scalar_joiner", "nonce", "hello_host", "hello_joiner")}
    found = handshake(context, case["password"].encode(), given)
    words = len(case["password"].split("-"))
    found["hello_host"] = hello(HOST, CODE, given["hello_host"][-51:-35], capabilities=CAPABILITIES, commitment=committed(given["nonce"]), words=words)
    found["hello_joiner"] = hello(JOINER, CODE, given["hello_joiner"][-18:-2], capabilities=CAPABILITIES)
    return found | {"verifier_words": " ".join(verifier_words(found["verifier"]))}


def check_link(case):
    index = int(case["index"])
    resume, conversation = bytes.fromhex(case["resume"]), bytes.fromhex(case["conversation"])
    given = {name: bytes.fromhex(case[name]) for name in ("scalar_host", "scalar_joiner", "hello_host", "hello_joiner")}
    found = handshake(link_context(conversation, index), resume, given)
    found["hello_host"] = hello(HOST, LINK, given["hello_host"][-22:-6], capabilities=CAPABILITIES, index=index)
    found["hello_joiner"] = hello(JOINER, LINK, given["hello_joiner"][-18:-2], capabilities=CAPABILITIES, linked=index % 2 == 0)
    for name in ("resume", "verifier", "conversation"):
        del found[name]
    found["slot_relay"] = slot(resume, int(case["place"]))
    for name, role in (("direct_host", HOST), ("direct_joiner", JOINER)):
        found[name] = direct(resume, role, bytes.fromhex(case["random"]))
    for name, role in (("proof_host", HOST), ("proof_joiner", JOINER)):
        found[name] = proof_key(resume, role)
    return found


INPUTS = {"nameplate", "password", "index", "scalar_host", "scalar_joiner", "nonce"}


def main():
    vectors = json.loads((HERE / "handshake.json").read_text())
    passed = failed = 0
    for group, check, inputs in (("codes", check_code, INPUTS), ("links", check_link, INPUTS | {"resume", "conversation", "place", "random"})):
        for number, case in enumerate(vectors[group]):
            found = check(case)
            unknown = case.keys() - found.keys() - inputs
            if unknown:
                print(f"{group} {number}: nothing here computes {sorted(unknown)}")
                failed += 1
            for name, value in found.items():
                value = value if isinstance(value, str) else value.hex()
                if case.get(name) == value:
                    passed += 1
                else:
                    failed += 1
                    print(f"{group} {number} {name}: expected {case.get(name)}, computed {value}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
