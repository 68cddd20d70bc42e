"""A secret never reaches a model: many secrets through one client each, by every way, while all processes are watched. Then everything
that the models were sent, and that the clients kept, is searched for the values, in every encoding; and for one that was shown on purpose,
which has to be found there.
"""

from pathlib import Path

from clients import agent, later, told, wait
from leaks import Secrets, Watch
from world import expect


def cases(clients):
    for client in clients:
        for way in WAYS:
            yield f"secrets.{client}-{way.__name__.replace('_', '-')}", lambda case, client=client, way=way: run(case, client, way)


def run(case, client, way):
    secrets, shown, number = Secrets(), Secrets(), case.count(5, 50)
    sender, taker = case.home("sender"), case.home("taker")
    values = [secrets.value(at) for at in range(number)]
    way = way(sender, taker, values)
    # A value that the client's own commands print, and have in their arguments and environment: the control of the search.
    sender.write("shown.txt", shown.value(0))
    control = 'cat shown.txt; sh -c "sleep 0.5; true" sh "$(cat shown.txt)"; A="$(cat shown.txt)" sleep 0.5'
    code = later()
    meant = lambda command: any(word in command for word in way.meant)
    with Watch(secrets, meant) as watch, Watch(shown, lambda _: False) as control_watch:
        wait(
            agent(client, sender, "sender", "send them", lambda agent: sends(agent, way, code, number, control)),
            agent(client, taker, "taker", "take them", lambda agent: takes(agent, way, code, number)),
            timeout=600,
        )
    had = [way.had(at) for at in range(number)]
    expect(had == values, "the receiving side has each value", [(at, there) for at, there in enumerate(had) if there != values[at]][:2])
    folders = [case.logs, sender.path, taker.path]
    hits = list(secrets.search_files(folders, way.sources + way.places)) + list(watch.hits)
    expect(not hits, "no value anywhere else", hits[:9])
    found = {path for path, _ in shown.search_files(folders, [sender.work / "shown.txt"])}
    kept = {"claude": "/.claude/projects/", "codex": "/.codex/sessions/"}[client]
    for place in ("sender.requests.jsonl", "sender.out", kept):
        expect(any(place in path for path in found), f"the value that was shown is found in {place}", found)
    expect({where for where, _, _ in control_watch.hits} == {"cmdline", "environ"}, "and in processes", control_watch.hits)
    case.figure("secrets", number)
    case.figure("hits", len(hits))
    case.figure("looks at all processes", watch.looks)


def sends(agent, way, code, number, control):
    said = yield agent.shell("pinhole host --detach --json") if way.by_commands else agent.tool("open")
    channel = expect(said.find(code=..., number=...), "a channel", said.text)
    code.set_result(channel["code"])
    for at in range(number):
        said = yield way.send(agent, channel["number"], at)
        while not said.find(type="delivered"):
            expect(not said.find(error=...), f"secret {at} is delivered", said.text)
            said = yield receive(agent, way, channel["number"])
    yield agent.shell(control)
    while not said.find(event="closed"):
        said = yield receive(agent, way, channel["number"])
        expect(not said.find(error=...), "an end in peace", said.text)
    return "All are there."


def takes(agent, way, code, number):
    channel = told(code).split("-")[0]
    said = yield agent.shell(f"pinhole connect {told(code)} --detach") if way.by_commands else agent.tool("connect", code=told(code))
    for at in range(number):
        said = yield way.take(agent, channel, at)
        while said.find(error="no-secret"):
            said = yield way.take(agent, channel, at)
        expect(said.find(type="secret", value="<withheld>"), f"secret {at} is taken", said.text)
        way.taken(said.find(type="secret"), at)
    yield receive(agent, way, channel)
    said = yield agent.shell(f"pinhole close {channel}") if way.by_commands else agent.tool("close", channel=channel)
    expect(not said.find(error=...), "an end in peace", said.text)
    return "All are taken."


def receive(agent, way, channel):
    return (
        agent.shell(f"pinhole receive {channel} --wait 45s") if way.by_commands else agent.tool("receive", channel=str(channel), wait_s=45)
    )


def quoted(value):
    return "'" + value.replace("'", "'\\''") + "'"


class Way:
    """How a secret goes out, and where it comes to."""

    by_commands = True
    # What stands in the command lines of those processes that may have a value in their environment.
    meant = ()

    def __init__(self, sender, taker, values):
        self.sender, self.taker, self.values = sender, taker, values
        self.sources, self.places = [], []
        self.prepare()

    def prepare(self):
        pass

    def taken(self, line, at):
        pass

    def sources_in_files(self):
        self.sources = [self.sender.write(f"secret-{at}.txt", value, 0o600) for at, value in enumerate(self.values)]

    def sources_in_variables(self):
        self.sources = [
            self.sender.write(f"secret-{at}.env", f"DEPLOY_{at}_TOKEN={quoted(value)}\n", 0o600) for at, value in enumerate(self.values)
        ]


class variable_to_env_file(Way):
    """`--secret-env` to `--secret-to-env-file`."""

    meant = ("--secret-env",)

    def prepare(self):
        self.sources_in_variables()
        self.places = [self.taker.work / f"{at}.env" for at in range(len(self.values))]

    def send(self, agent, channel, at):
        name = f"DEPLOY_{at}_TOKEN"
        return agent.shell(f". ./secret-{at}.env; export {name}; pinhole --allow-env {name} send {channel} --secret-env {name}")

    def take(self, agent, channel, at):
        return agent.shell(f"pinhole receive {channel} --wait 45s --secret-to-env-file {at}.env:API_KEY")

    def had(self, at):
        # As a program reads it: by a shell.
        return self.taker.run(f'. ./{at}.env; printf %s "$API_KEY"').out


class file_to_file(Way):
    """`--secret-file` to `--secret-to-file`."""

    def prepare(self):
        self.sources_in_files()
        self.places = [self.taker.work / f"token-{at}" for at in range(len(self.values))]

    def send(self, agent, channel, at):
        return agent.shell(f"pinhole send {channel} --secret-file secret-{at}.txt --secret-name DEPLOY_{at}_TOKEN")

    def take(self, agent, channel, at):
        return agent.shell(f"pinhole receive {channel} --wait 45s --secret-to-file token-{at}")

    def had(self, at):
        return self.places[at].read_text()


class variable_to_program(Way):
    """`--secret-env` to `--secret-exec`."""

    meant = ("--secret-env", "keep.sh")

    def prepare(self):
        self.sources_in_variables()
        self.taker.write("keep.sh", '#!/bin/sh\nprintf %s "$GH_TOKEN" > "$1"\n', 0o755)
        self.places = [self.taker.work / f"had-{at}" for at in range(len(self.values))]

    send = variable_to_env_file.send

    def take(self, agent, channel, at):
        return agent.shell(f"pinhole --allow-exec receive {channel} --wait 45s --secret-exec=GH_TOKEN -- ./keep.sh had-{at}")

    def had(self, at):
        return self.places[at].read_text()


class by_mcp(Way):
    """`send_secret` to `receive` with `secret_to_env_file`."""

    by_commands = False

    def prepare(self):
        self.sources_in_files()
        self.places = [None] * len(self.values)

    def send(self, agent, channel, at):
        return agent.tool("send_secret", channel=str(channel), file=f"secret-{at}.txt", name=f"DEPLOY_{at}_TOKEN")

    def take(self, agent, channel, at):
        return agent.tool("receive", channel=channel, wait_s=45, secret_to_env_file=f"{at}.env:API_KEY")

    def taken(self, line, at):
        self.places[at] = Path(line["saved_to"])

    def had(self, at):
        return self.taker.run(f'. {self.places[at]}; printf %s "$API_KEY"').out


WAYS = [variable_to_env_file, file_to_file, variable_to_program, by_mcp]
