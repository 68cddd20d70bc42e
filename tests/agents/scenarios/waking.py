"""What wakes a model: a background `receive`, and a Monitor on `receive --bell`. Both expire twice while messages come; none is lost or
doubled, no channel ends with them, and what is told beside the results of tools holds no word of the peer's.
"""

import re
import threading
import time

from clients import agent, later, told, wait
from world import expect, until

MESSAGES = 8
EXPIRED = re.compile("Monitor expired|was stopped after reaching its background time limit")


def cases(clients):
    if "claude" in clients:
        yield "waking.background", lambda case: run(case, background)
        yield "waking.monitor", lambda case: run(case, monitor)


def run(case, way):
    here, peer = case.home("here"), case.home("peer")
    code, expiries = later(), []
    running = agent("claude", here, "agent", "/pinhole", lambda agent: reads(agent, way, code, expiries))
    channel = told(code).split("-")[0]
    joined = peer.run(f"pinhole connect {told(code)} --detach")
    expect(joined.code == 0, "the peer joins", joined)
    talking = threading.Thread(target=talk, args=(peer, channel, expiries, running.process))
    talking.start()
    wait(running)
    talking.join()
    peer.run(f"pinhole receive {channel} --wait 5s")
    expect(len(expiries) >= 2, "at least two expiries", expiries)
    case.figure("messages", MESSAGES)
    case.figure("expiries", len(expiries))


def talk(peer, channel, expiries, client):
    for at in range(MESSAGES):
        # Some come together, some a while after each other, and some when what waits has expired.
        if at in (3, 6):
            until(lambda many=len(expiries): len(expiries) > many or client.poll() is not None, "an expiry")
        else:
            time.sleep(at % 2)
        if client.poll() is None:
            peer.run(f"pinhole send {channel} 'peer says {at}'")


def reads(agent, way, code, expiries):
    said = yield agent.shell("pinhole host --detach --json")
    channel = expect(said.find(code=..., number=...), "a channel", said.text)
    code.set_result(channel["code"])
    number, read, last, woken, armed = channel["number"], [], 1, 0, False
    while len(read) < MESSAGES:
        if not armed:
            said, armed = (yield way(agent, number, last)), True
        else:
            said, woken = (yield "I wait to be woken."), woken + 1
            expect(woken < 60, f"{MESSAGES} messages", read)
            woke = said.prompts
            said = yield agent.shell(f"pinhole receive {number} --after {last}")
            expect(not said.find(error=...), "no error of a receive", said.text)
            said.prompts += woke
        for line in said.lines():
            if "seq" in line:
                expect(line["seq"] == last + 1, f"the line after {last}", line)
                last = line["seq"]
                if line["type"] == "text":
                    read.append(line["body"])
        expect("peer says" not in said.prompts, "no word of the peer's in what wakes", said.prompts)
        # The end of a Monitor may be told with the result of a tool.
        if expired := EXPIRED.search(said.prompts):
            expiries.append(expired[0])
        armed = armed and not expired and "<status>completed" not in said.prompts
    expect(read == [f"peer says {at}" for at in range(MESSAGES)], "each message once", read)
    said = yield agent.shell(f"pinhole close {number}")
    expect(not said.find(error=...), "an end in peace", said.text)
    return "Done."


def background(agent, number, last):
    return agent.shell(f"pinhole receive {number} --after {last} --wait 55m", limit=1000, run_in_background=True)


def monitor(agent, number, last):
    return agent.client_tool("Monitor", command=f"pinhole receive {number} --bell", description="the channel", timeout_ms=1500)
