"""The lines that pinhole prints, found in what a client was told; and the peer's words in them."""

import json


def objects(text):
    """Every JSON object in the result of a tool: those that a shell printed a line each, or what a tool of MCP returned."""
    whole = parsed(text)
    for value in [whole] if isinstance(whole, (dict, list)) else map(parsed, text.split("\n")):
        yield from inside(value)


def found(text):
    """Those of them that are lines of pinhole."""
    return [value for value in objects(text) if "v" in value and "type" in value]


def inside(value):
    """A value's objects, the outermost first."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from inside(item)


def parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def find(some, **fields):
    """The first object with these fields, `...` for any value, or None."""
    return next(iter(every(some, **fields)), None)


def every(some, **fields):
    """The objects with these fields."""
    return [value for value in some if all(name in value and wanted in (..., value[name]) for name, wanted in fields.items())]


def unmarked(result, words):
    """Where a tool's result has these words of a peer in no object that says `"trust":"untrusted"`; None if nowhere."""
    whole = parsed(result)
    for text in [result] if isinstance(whole, dict) else result.split("\n"):
        if words in text:
            value = parsed(text)
            if not isinstance(value, (dict, list)):
                return text
            if bad := unmarked_in(value, words):
                return json.dumps(bad)
    return None


def unmarked_in(value, words):
    """The innermost object or list that has the words in a name or text of its own, and none around it that is marked."""
    if isinstance(value, dict):
        if value.get("trust") == "untrusted":
            return None
        if any(words in name for name in value):
            return value
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, str) and words in item:
            return value
        if isinstance(item, (dict, list)) and (bad := unmarked_in(item, words)):
            return bad
    return None
