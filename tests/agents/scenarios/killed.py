"""A client that is killed, whose command expires, that is stopped, resumed or cleared: the channel lives, and its model reads each message
once. It asks with `--after`, for what it has not read.
"""

import os
import re
import signal
import time

from clients import agent, wait
from world import alive, expect, until

RESUME = {"claude": "--resume", "codex": "resume"}
SESSION = re.compile('"(?:session_id|thread_id)":"([^"]+)')


def cases(clients):
    for client in clients:
        yield f"killed.{client}", lambda case, client=client: run(case, client)


def run(case, client):
    here, peer = case.home("here"), case.home("peer")
    reader = Reader(client, here, peer)
    wait(reader.client(reader.opens))
    joined = peer.run(f"pinhole connect {reader.code} --detach")
    expect(joined.code == 0, "the peer joins", joined)
    kinds = [reader.killed, reader.expired, reader.stopped, reader.resumed, reader.cleared]
    rounds = case.count(len(kinds), 50)
    for at in range(rounds):
        kinds[at % len(kinds)](at)
        expect(
            reader.read == [f"message {number}" for number in range(at + 1)],
            f"each message once, after {kinds[at % len(kinds)].__name__}",
            reader.read[-3:],
        )
    wait(reader.client(reader.closes))
    peer.run(f"pinhole receive {reader.code} --wait 5s")
    case.figure("rounds", rounds)
    case.figure("messages lost or doubled", 0)


class Reader:
    """One conversation of a model, over many processes of its client."""

    def __init__(self, which, here, peer):
        self.which, self.here, self.peer, self.read, self.last, self.session, self.clients = which, here, peer, [], 0, None, 0

    def client(self, script, prompt="Go on"):
        """The client once more, in the same conversation."""
        self.clients += 1
        self.log = self.here.case.logs / f"agent-{self.clients:02}.out"
        resumed = [RESUME[self.which], self.session] if self.session else []
        running = agent(self.which, self.here, self.log.stem, prompt, script, *resumed)
        self.session = self.session or until(lambda: SESSION.search(self.log.read_text()), "the id of the session")[1]
        return running

    def note(self, said):
        """What a model that has `--after` in mind keeps of an answer."""
        for line in said.lines():
            if "seq" in line:
                expect(line["seq"] > self.last, "no line that was read already", line)
                self.last = line["seq"]
                if line["type"] == "text":
                    self.read.append(line["body"])

    def receive(self, agent, **more):
        return agent.shell(f"pinhole receive {self.channel} --after {self.last} --wait 45s", **more)

    def opens(self, agent):
        said = yield agent.shell("pinhole host --detach --json")
        channel = expect(said.find(code=..., number=...), "a channel", said.text)
        self.code, self.channel = channel["code"], channel["number"]
        self.note(said)
        return "It is open."

    def reads(self, agent):
        """Asks until it has read one message more."""
        many = len(self.read)
        while len(self.read) == many:
            said = yield self.receive(agent)
            expect(not said.find(error=...), "no error of a receive", said.text)
            self.note(said)
        return "I have read it."

    def closes(self, agent):
        said = yield agent.shell(f"pinhole close {self.code}")
        expect(not said.find(error=...), "an end in peace", said.text)
        return "Closed."

    def send(self, at):
        sent = self.peer.run(f"pinhole send {self.code} 'message {at}'")
        expect(sent.code == 0, f"message {at} is delivered", sent)

    def waits(self):
        """Until a `receive` of the client waits."""
        until(lambda: any("pinhole receive" in command for _, command in alive(self.here.path)), "a receive that waits")
        time.sleep(0.3)

    def killed(self, at):
        running = self.client(self.reads)
        self.waits()
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()
        # What still waits takes the message and tells nobody.
        self.send(at)
        wait(self.client(self.reads))

    def expired(self, at):
        def script(agent):
            said = yield self.receive(agent, limit=1000)
            expect(not said.find(type="text"), "an end before a message", said.text)
            self.send(at)
            self.note(said)
            return (yield from self.reads(agent))

        wait(self.client(script))

    def stopped(self, at):
        running = self.client(self.reads)
        self.waits()
        os.kill(running.process.pid, signal.SIGSTOP)
        self.send(at)
        time.sleep(0.5)
        os.kill(running.process.pid, signal.SIGCONT)
        wait(running)

    def resumed(self, at):
        self.send(at)
        wait(self.client(self.reads))

    def cleared(self, at):
        if self.which == "claude":
            cleared = self.client(self.reads, "/clear")
            until(lambda: cleared.process.poll() == 0, "an end of the client that clears")
            was, self.session = self.session, SESSION.findall(self.log.read_text())[-1]
            expect(self.session != was, "another session", was)
        else:
            self.session = None

        def script(agent):
            # Another session of the client sees nothing by the number; the whole code, once, makes the channel its own.
            said = yield self.receive(agent)
            expect(said.find(error="code-not-open"), "the channel of another session is not there", said.text)
            said = yield agent.shell(f"pinhole status {self.code}")
            expect(said.find(type="session", state="connected"), "the whole code leads to it", said.text)
            return (yield from self.reads(agent))

        self.send(at)
        wait(self.client(script))
