"""Permission rules of the real client: rules for `receive`, `send` and `host` let a model do that, and run no program and loosen nothing:
what does either stands before the subcommand, where the client asks, or is refused by pinhole.
"""

import json

from clients import start, wait
from world import expect

RULES = "Bash(pinhole receive:*)", "Bash(pinhole send:*)", "Bash(pinhole host:*)", "mcp__pinhole__receive"


def cases(clients):
    if "claude" in clients:
        yield "rules.claude", run


def run(case):
    here, peer = case.home("here"), case.home("peer")
    for name in ("data.txt", "../outside.txt", ".env"):
        here.write(name, "this stays here")
    # The person opens the channel: the rules below let the model do no more than receive.
    session = "5c0ffee0-0000-4000-8000-000000000001"
    opened = here.run("pinhole host --detach", CLAUDECODE="1", CLAUDE_CODE_SESSION_ID=session)
    channel = expect(opened.find(code=..., number=...), "a channel", opened)
    number = channel["number"]
    peer.write("value", "a value")
    sent = peer.run(
        f"pinhole connect {channel['code']} --detach && pinhole send {number} 'hello' && pinhole send {number} --secret-file value"
    )
    expect(sent.code == 0, "a text and a secret are delivered", sent)
    script = lambda agent: tries(agent, number)
    running = start("claude", here, "agent", "Receive", script, "--session-id", session, "--allowedTools", ",".join(RULES))
    wait(running)
    result = json.loads((case.logs / "agent.out").read_text().splitlines()[-1])
    came = [denial["tool_input"].get("command", denial["tool_name"]) for denial in result["permission_denials"]]
    expect(came == [*denied(number), "mcp__pinhole__send_file"], "the client itself denies what no rule allows", came)
    ran = [path.name for path in here.work.iterdir() if path.name.startswith("ran-")]
    expect(not ran, "no program is run", ran)
    had = [line.get("body", line.get("name")) for line in peer.run(f"pinhole receive {number} --wait 1s").lines if "from" in line]
    expect(had == ["by a rule"], "the peer has what the rules allow", had)
    held = here.run(f"pinhole close {number} --now")
    expect(held.code in (0, 6), "the channel was still open", held)
    peer.run(f"pinhole receive {number} --wait 5s")
    case.figure("denied by the client", len(came))
    case.figure("by pinhole", len(fenced(number)))


def tries(agent, number):
    said = yield agent.shell(f"pinhole receive {number} --wait 5s")
    expect(said.find(type="text", body="hello"), "receiving is allowed", said.text)
    said = yield agent.shell(f"pinhole send {number} 'by a rule'")
    expect(said.find(type="delivered"), "sending is allowed", said.text)
    said = yield agent.tool("receive", wait_s=0)
    expect(said.find(type="delivered"), "receiving by MCP is allowed, of the agent's channels in other processes", said.text)
    for command in denied(number):
        said = yield agent.shell(command)
        expect(not said.find(type=...), f"the client denies {command}", said.text)
    said = yield agent.tool("send_file", paths=["data.txt"])
    expect(not said.find(error=...), "the client denies send_file", said.text)
    for command in fenced(number):
        said = yield agent.shell(command)
        expect(said.find(error=...) and said.find(error=...)["error"] in ("fenced", "usage"), f"pinhole refuses {command}", said.text)
    return "I have received."


def denied(number):
    """What the client does not let through, since its rules name the subcommand."""
    return [
        f"pinhole --allow-exec receive {number} --secret-exec=TOKEN -- touch ran-1",
        f"pinhole --allow .. send {number} --file ../outside.txt",
        f"pinhole --allow-env HOME send {number} --secret-env HOME",
        "pinhole --allow-exec host --detach --on-message -- touch ran-0",
        "pinhole give data.txt --detach",
        f"pinhole receive {number}; touch ran-2",
        f"pinhole receive {number} && pinhole give data.txt",
        "pinhole receive $(touch ran-3)",
        f"pinhole receive {number} | tee ran-4",
        f"pinhole receive {number} > ran-5",
        f"CLAUDECODE= pinhole receive {number} --secret-exec -- touch ran-6",
        "pinhole close",
    ]


def fenced(number):
    """What the client does let through, and pinhole does not."""
    return [
        f"pinhole receive {number} --secret-exec=TOKEN -- touch ran-7",
        f"pinhole receive {number} --secret-exec -- touch ran-8",
        f"pinhole receive {number} --allow-exec --secret-exec -- touch ran-9",
        "pinhole host --detach --on-message -- touch ran-10",
        "pinhole host --detach --tunnel='touch ran-11'",
        f"pinhole send {number} --file ../outside.txt",
        f"pinhole send {number} --file ../outside.txt --allow ..",
        f"pinhole send {number} --file .env --allow-sensitive",
        f"pinhole send {number} --secret-env HOME --allow-env HOME",
    ]
