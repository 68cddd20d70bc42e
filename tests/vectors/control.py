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


def main():
    """Compares every example and says how many agree."""
    file = json.loads(pathlib.Path(__file__).with_name("control.json").read_text())
    examples = file["controls"] + file["messages"]
    # SPEC 5 and 5.1: every variant there is, and no other.
    complete = {e["says"][0] for e in file["controls"]} == set(range(8)) and {e["says"][0] for e in file["messages"]} == set(range(10))
    failed = [example["name"] for example in examples if not agrees(example)]
    for name in failed:
        print(f"differs: {name}")
    if not complete:
        print("a variant has no example")
    print(f"control: {len(examples) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not complete else 0


if __name__ == "__main__":
    sys.exit(main())
