"""The plugin, installed from the repository as each client does it, without `pinhole setup`: the clients' own checks, the whole skill, the
tools.
"""

import shutil
from pathlib import Path

from clients import CLIENTS, agent, wait
from world import expect

REPOSITORY = Path(__file__).resolve().parents[3]

STEPS = {
    "claude": [
        "claude plugin validate --strict ../repository",
        "claude plugin validate --strict ../repository/src/agent/plugin",
        "claude plugin marketplace add ../repository",
        "claude plugin install pinhole@pinhole",
    ],
    "codex": ["codex plugin marketplace add ../repository", "codex plugin add pinhole@pinhole"],
}
# What a user types for the plugin's skill, and what the client puts before its tools.
SKILL = {"claude": "/pinhole:pinhole", "codex": "$pinhole:pinhole"}
TOOLS = {"claude": "mcp__plugin_pinhole_pinhole__", "codex": "mcp__pinhole::"}


def cases(clients):
    for client in clients:
        yield f"plugin.{client}", lambda case, client=client: run(case, client)


def run(case, client):
    here = case.home("here")
    for part in (".claude-plugin", ".agents", "src/agent/plugin"):
        shutil.copytree(REPOSITORY / part, here.path / "repository" / part)
    (here.path / f".{client}").mkdir()
    environment = CLIENTS[client].environment("http://127.0.0.1:1")
    for step in STEPS[client]:
        ended = here.run(step, **environment)
        expect(ended.code == 0, f"{step} finds nothing wrong", ended)
    skill = (here.path / "repository/src/agent/plugin/skills/pinhole/SKILL.md").read_text()
    _, _, body = skill.split("---\n", 2)
    wait(agent(client, here, "agent", SKILL[client], lambda agent: uses(agent, client, body.strip())))
    case.figure("skill, bytes", len(skill.encode()))


def uses(agent, client, skill):
    expect(skill in agent.first.text, "the whole skill", agent.first.text[-3000:])
    agent.prefix = TOOLS[client]
    said = yield agent.tool("open")
    expect(said.find(code=..., number=...), "a channel", said.text)
    said = yield agent.tool("close")
    expect(not said.find(error=...), "an end", said.text)
    return "It works."
