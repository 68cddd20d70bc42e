"""Holds lines of pinhole against its schema, with python-jsonschema: `validate.py SCHEMA LINES…`. Exits 1 if one does not fit."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from jsonschema import Draft202012Validator

schema = json.loads(Path(sys.argv[1]).read_text())
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
held, wrong = 0, []
for path in map(Path, sys.argv[2:]):
    for text in path.read_text().splitlines():
        held += 1
        if error := next(validator.iter_errors(json.loads(text)), None):
            wrong.append(f"{path}: {text[:400]}\n    {error.message[:200]}")
print(f"{held} lines held against the schema with jsonschema {version('jsonschema')}, {len(wrong)} do not fit")
print("\n".join(wrong[:20]))
sys.exit(1 if wrong or not held else 0)
