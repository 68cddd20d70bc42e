"""Two real clients in one channel, by the skill's commands and by MCP, each as host and as guest: three messages each way, a file, a
secret into an env file, a question, the end."""

import hashlib
import os

from clients import agent, later, told, wait
from world import expect, files

# What a user types for the skill.
SKILL = {"claude": "/pinhole", "codex": "$pinhole"}


def cases(clients):
    """Every pair of ways that is tried: client and way of the host, then of the guest."""
    pairs = [("claude", "skill", "claude", "mcp"), ("claude", "mcp", "claude", "skill")]
    if "codex" in clients:
        pairs += [("codex", "skill", "claude", "mcp"), ("claude", "skill", "codex", "mcp"), ("codex", "mcp", "codex", "skill")]
    for pair in pairs:
        yield "both-ways." + "-".join(pair), lambda case, pair=pair: run(case, *pair)


def run(case, host_client, host_way, guest_client, guest_way):
    size = case.count(1, 100) * 1_000_000
    host, guest = case.home("host"), case.home("guest")
    content = os.urandom(size)
    host.write("report.bin", content)
    host.write("token.txt", "a value that nobody reads\n")
    code, place = later(), later()
    talk = {"skill": BySkill, "mcp": ByMcp}
    first = agent(host_client, host, "host", SKILL[host_client], lambda agent: hosts(talk[host_way](agent, host), code))
    second = agent(
        guest_client, guest, "guest", SKILL[guest_client], lambda agent: joins(talk[guest_way](agent, guest), code, place, content)
    )
    wait(first, second)
    env_file = (guest.work / told(place)).read_text()
    expect("a value that nobody reads" in env_file and env_file.startswith("DEPLOY_TOKEN="), "the secret in the env file", env_file)
    case.figure("messages", 6)
    case.figure("file, MB", size // 1_000_000)


def hosts(talk, code):
    talk.begin()
    said = yield talk.open()
    opened = expect(said.find(code=..., number=...), "a channel", said.text)
    talk.number = opened["number"]
    code.set_result(opened["code"])
    yield from talk.receive(lambda line: line.get("event") == "connected")
    for number in (1, 2, 3):
        said = yield talk.send(f"host says {number}")
        expect(said.find(type="delivered"), f"message {number} of the host is delivered", said.text)
    for number in (1, 2, 3):
        yield from talk.receive(lambda line: line.get("body") == f"guest says {number}")
    said = yield talk.send_file("report.bin")
    expect(said.find(type="delivered"), "the file is delivered", said.text)
    said = yield talk.send_secret("token.txt", "DEPLOY_TOKEN")
    expect(said.find(type="delivered"), "the secret is delivered", said.text)
    yield from talk.receive(lambda line: line.get("body") == "which branch?")
    said = yield talk.send("the main one")
    expect(said.find(type="delivered"), "the answer is delivered", said.text)
    yield from talk.receive(lambda line: line.get("event") == "closed")
    return "The channel is closed."


def joins(talk, code, place, content):
    talk.begin()
    said = yield talk.connect(told(code))
    talk.number = int(told(code).split("-")[0])
    expect(said.find(event="connected") or said.find(state="connected"), "connected", said.text)
    for number in (1, 2, 3):
        said = yield talk.send(f"guest says {number}")
        expect(said.find(type="delivered"), f"message {number} of the guest is delivered", said.text)
    for number in (1, 2, 3):
        yield from talk.receive(lambda line: line.get("body") == f"host says {number}")
    file = yield from talk.receive(lambda line: line["type"] == "file")
    came = hashlib.sha256(open(file["saved_to"], "rb").read()).hexdigest()
    expect(came == hashlib.sha256(content).hexdigest(), "the file as it was sent", file)
    yield from talk.receive(lambda line: line["type"] == "secret")
    said = yield talk.take_secret(".env:DEPLOY_TOKEN")
    stored = expect(said.find(type="secret", stored="env-file"), "the secret goes into the env file", said.text)
    place.set_result(stored["saved_to"])
    said = yield talk.ask("which branch?")
    expect(said.find(type="text", body="the main one"), "the answer", said.text)
    said = yield talk.close()
    expect(not said.find(error=...), "an end in peace", said.text)
    return "Closed."


class Talk:
    """One side of a channel, as a model speaks to pinhole. What is received is kept until it is wanted."""

    def __init__(self, agent, home):
        self.agent, self.home, self.number, self.waiting = agent, home, None, []

    def begin(self):
        """What the user typed has brought the whole skill to the model."""
        text = next(path for path in files(self.home.path) if path.match("skills/pinhole/SKILL.md"))
        _, _, skill = text.read_text().split("---\n", 2)
        expect(skill.strip() in self.agent.first.text, "the whole skill", self.agent.first.text[-3000:])

    def receive(self, wanted):
        """Receives until the wanted line is there, and returns it. Each line may be there once."""
        for _ in range(20):
            for line in self.waiting:
                if wanted(line):
                    self.waiting.remove(line)
                    return line
            said = yield self.more()
            expect(not said.find(error=...), "no error of a receive", said.text)
            self.waiting += [line for line in said.lines() if "seq" in line]
        expect(False, "what is waited for", self.waiting)


class BySkill(Talk):
    """By the commands that the skill names."""

    def command(self, text):
        return self.agent.shell(f"pinhole {text}")

    def open(self):
        return self.command("host --detach --json")

    def connect(self, code):
        return self.command(f"connect {code} --detach")

    def more(self):
        return self.command(f"receive {self.number} --wait 45s")

    def send(self, text):
        return self.command(f"send {self.number} '{text}'")

    def send_file(self, path):
        return self.command(f"send {self.number} --file {path}")

    def send_secret(self, path, name):
        return self.command(f"send {self.number} --secret-file {path} --secret-name {name}")

    def take_secret(self, place):
        return self.command(f"receive {self.number} --secret-to-env-file {place}")

    def ask(self, text):
        return self.command(f"ask {self.number} '{text}' --timeout 45s")

    def close(self):
        return self.command(f"close {self.number}")


class ByMcp(Talk):
    """By the tools of `pinhole mcp`."""

    def open(self):
        return self.agent.tool("open")

    def connect(self, code):
        return self.agent.tool("connect", code=code)

    def more(self):
        return self.agent.tool("receive", channel=str(self.number), wait_s=45)

    def send(self, text):
        return self.agent.tool("send", channel=str(self.number), text=text)

    def send_file(self, path):
        return self.agent.tool("send_file", channel=str(self.number), paths=[path])

    def send_secret(self, path, name):
        return self.agent.tool("send_secret", channel=str(self.number), file=path, name=name)

    def take_secret(self, place):
        return self.agent.tool("receive", channel=str(self.number), secret_to_env_file=place)

    def ask(self, text):
        return self.agent.tool("ask", channel=str(self.number), text=text)

    def close(self):
        return self.agent.tool("close", channel=str(self.number))
