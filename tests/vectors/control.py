"""Reads every example of control.json with PyPI's `cbor2`, compares it with what it is said to say, and writes it again (SPEC 5).

Exits 1 if a value or a byte differs.
"""

import json
import pathlib
import sys

import cbor2


def as_json(value):
    """A decoded item in the notation of the file."""
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, dict):
        return {str(key): as_json(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(inner) for inner in value]
    return value


def from_json(value):
    """An item as the file has it, to be encoded."""
    if isinstance(value, dict):
        if set(value) == {"bytes"}:
            return bytes.fromhex(value["bytes"])
        return {int(key): from_json(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [from_json(inner) for inner in value]
    return value


def agrees(example):
    """Whether the bytes say what the example says, and are the only ones that a sender writes for it."""
    encoded = bytes.fromhex(example["cbor"])
    return as_json(cbor2.loads(encoded)) == example["says"] and cbor2.dumps(from_json(example["says"])) == encoded


def lawful(value):
    """Whether a decoded item holds nothing but what SPEC 5 allows, its maps in ascending order of numbers of 32 bits."""
    if isinstance(value, dict):
        keys = list(value)
        numbers = all(type(key) is int and 0 <= key < 1 << 32 for key in keys)
        return numbers and keys == sorted(keys) and all(map(lawful, value.values()))
    if isinstance(value, list):
        return all(map(lawful, value))
    return type(value) in (int, bool, bytes, str)


def depth(value):
    """How many arrays and maps are within each other."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


def has_its_form(encoded):
    """Whether the bytes are one item in the form of SPEC 5: what they say, written again, is the same."""
    try:
        value = cbor2.loads(encoded)
        return lawful(value) and depth(value) <= 16 and cbor2.dumps(value) == encoded
    except (cbor2.CBORDecodeError, UnicodeDecodeError):
        return False


def main():
    """Compares every example and says how many agree."""
    file = json.loads(pathlib.Path(__file__).with_name("control.json").read_text())
    examples = file["controls"] + file["messages"]
    # SPEC 5 and 5.1: every variant there is, and no other.
    complete = {e["says"][0] for e in file["controls"]} == set(range(10)) and {e["says"][0] for e in file["messages"]} == set(range(14))
    failed = [example["name"] for example in examples if not (agrees(example) and has_its_form(bytes.fromhex(example["cbor"])))]
    failed += [example["name"] for example in file["malformed"] if has_its_form(bytes.fromhex(example["cbor"]))]
    examples += file["malformed"]
    for name in failed:
        print(f"differs: {name}")
    if not complete:
        print("a variant has no example")
    print(f"control: {len(examples) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not complete else 0


if __name__ == "__main__":
    sys.exit(main())
