"""Tests of the harness itself: `python3 -m unittest discover -s tests/agents -p tests.py`."""

import base64
import json
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from urllib.parse import quote

import leaks
import lines
from model import Said, parts


class Searching(unittest.TestCase):
    """The searcher finds a planted value in each encoding, and nothing where there is none."""

    def setUp(self):
        self.secrets = leaks.Secrets()
        self.value = self.secrets.value(7)

    def planted(self, data):
        return self.secrets.search(b"before " + data + b" after")

    def test_nothing_is_found_where_nothing_is(self):
        self.assertEqual(self.secrets.search(leaks.Secrets().value(7).encode() * 9), [])

    def test_every_encoding(self):
        raw = self.value.encode()
        forms = {
            "raw": raw,
            "hex": raw.hex().encode(),
            "hex, capitals": raw.hex().upper().encode(),
            "UTF-16": self.value.encode("utf-16-le"),
            "percent": "".join(f"%{byte:02x}" for byte in raw).encode(),
            "percent, capitals": "".join(f"%{byte:02X}" for byte in raw).encode(),
            r"\u": "".join(f"\\u{ord(c):04x}" for c in self.value).encode(),
            r"\u, capitals": "".join(f"\\u{ord(c):04X}" for c in self.value).encode(),
            r"\x": "".join(f"\\x{byte:02x}" for byte in raw).encode(),
            "backwards": self.value[::-1].encode(),
        }
        for name, form in forms.items():
            self.assertIn(name, self.planted(form), name)

    def test_what_escapes_only_some(self):
        for form in [
            json.dumps(self.value),
            quote(self.value),
            quote(self.value, safe=""),
            repr(self.value),
            json.dumps(json.dumps(self.value)),
        ]:
            self.assertIn("raw", self.planted(form.encode()), form)

    def test_base64_wherever_the_value_begins(self):
        for coded, name in [(base64.b64encode, "base64"), (base64.urlsafe_b64encode, "base64url")]:
            for before in range(7):
                for after in range(4):
                    found = self.planted(coded(b"x" * before + self.value.encode() + b"y" * after))
                    self.assertTrue(any(each.startswith("base64") for each in found), (name, before, after))

    def test_files_and_their_names(self):
        with tempfile.TemporaryDirectory() as folder:
            meant, other, named = Path(folder, "meant"), Path(folder, "a/other"), Path(folder, self.secrets.core)
            other.parent.mkdir()
            for path in (meant, other):
                path.write_text(f"KEY={self.value}")
            named.touch()
            hits = list(self.secrets.search_files([folder], {meant}))
            self.assertEqual(sorted(hits), sorted([(str(other), "raw"), (str(named), "raw")]))

    def test_processes(self):
        script = "import time; time.sleep(9)"
        with leaks.Watch(self.secrets, lambda command: "meant" in command) as watch:
            started = [
                subprocess.Popen([sys.executable, "-c", script, "meant"], env={"KEY": self.value}),
                subprocess.Popen([sys.executable, "-c", script, "other"], env={"KEY": self.value}),
                subprocess.Popen([sys.executable, "-c", script, self.value]),
            ]
            time.sleep(1)
            for process in started:
                process.kill()
                process.wait()
        self.assertEqual(
            sorted((where, " meant" in command, " other" in command) for where, command, _ in watch.hits if script in command),
            [("cmdline", False, False), ("environ", False, True)],
        )


class Marks(unittest.TestCase):
    """Words of a peer are found wherever they are not marked."""

    def test_marked(self):
        text = '{"v":1,"type":"text","trust":"untrusted","body":"WORDS"}\n{"v":1,"type":"end"}'
        self.assertIsNone(lines.unmarked(text, "WORDS"))
        self.assertIsNone(lines.unmarked(json.dumps({"events": [json.loads(text.splitlines()[0])], "next": "go on"}), "WORDS"))

    def test_not_marked(self):
        for text in [
            "WORDS",
            '{"v":1,"type":"text","trust":"untrusted","body":"x"}\nWORDS',
            '{"v":1,"type":"error","detail":"the file WORDS"}',
            '{"events":[{"trust":"untrusted","body":"x"}],"next":"read WORDS"}',
            '{"events":[{"list":["WORDS"]}]}',
            '{"WORDS":1}',
            '{"trust":"WORDS"}',
            '{"trust":"untrusted","body":"x"} WORDS',
        ]:
            self.assertIsNotNone(lines.unmarked(text, "WORDS"), text)


class Requests(unittest.TestCase):
    """What a client sends is told apart: results of tools, and everything else."""

    ANTHROPIC = {
        "system": [{"type": "text", "text": "SYSTEM"}],
        "messages": [
            {"role": "user", "content": "FIRST"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "Bash", "input": {"command": "CALL"}}]},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "RESULT"}]},
                    {"type": "text", "text": "NOTE"},
                ],
            },
        ],
    }
    OPENAI = {
        "instructions": "SYSTEM",
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "FIRST"}]},
            {"type": "function_call", "name": "exec_command", "arguments": "CALL"},
            {"type": "function_call_output", "call_id": "1", "output": "RESULT"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "NOTE"}]},
        ],
    }

    def test_both(self):
        for body in (self.ANTHROPIC, self.OPENAI):
            kinds = {word: kind for kind, text in parts(body) for word in ("SYSTEM", "FIRST", "CALL", "RESULT", "NOTE") if word in text}
            self.assertEqual(kinds, {"SYSTEM": "prompt", "FIRST": "prompt", "CALL": "answer", "RESULT": "result", "NOTE": "prompt"})
            said = Said(body)
            self.assertEqual((said.results, said.prompts), (["RESULT"], "NOTE"))
