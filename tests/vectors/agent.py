"""Puts the official MCP SDK at the other end of `pinhole mcp`: two clients, each with a server of its own, in both lifecycles of the protocol.

    cargo build --locked && venv/bin/python tests/vectors/agent.py

They list the tools, open and connect, exchange texts and a file, hear of its progress, and close; the SDK holds every result against its
tool's schema. Everything stays on 127.0.0.1. Exits 1 if something is not as it should be.
"""

import asyncio
import json
import os
import pathlib
import sys
import tempfile

from mcp import Client
from mcp.client.stdio import StdioServerParameters

PROGRAM = pathlib.Path(__file__).parents[2] / "target/debug/pinhole"
TOOLS = ["open", "connect", "send", "send_file", "send_secret", "receive", "ask", "status", "close", "doctor"]
BYTES = 20_000_000


class Agent:
    """A client, and what its user would see."""

    def __init__(self, client):
        self.client = client

    async def call(self, tool, progress=None, **arguments):
        result = await self.client.call_tool(tool, arguments, progress_callback=progress)
        assert not result.is_error, result.content
        return result.structured_content

    async def until(self, kind, progress=None):
        """Receives until an event of this type, or status of this name, has come."""
        while True:
            received = await self.call("receive", progress, wait_s=45)
            for event in received["events"]:
                if kind in (event["type"], event.get("event")):
                    return event
            assert "ended" not in received, received


def project(home):
    """A folder that is somebody's work: a home is none, and from there no file leaves."""
    folder = pathlib.Path(home, "project")
    folder.mkdir(exist_ok=True)
    return folder


def server(home):
    environment = {"HOME": home, "PATH": "/usr/bin:/bin", "PINHOLE_NETWORK": "loopback"}
    return StdioServerParameters(command=str(PROGRAM), args=["mcp"], env=environment, cwd=project(home))


async def session(mode, here, there):
    async with Client(server(here), mode=mode) as one, Client(server(there), mode=mode) as other:
        host, peer = Agent(one), Agent(other)
        assert [tool.name for tool in (await one.list_tools()).tools] == TOOLS
        opened = await host.call("open", label="trial")
        assert (await peer.call("connect", code=opened["code"]))["state"] == "connected"
        await host.until("connected")
        for agent, reader in ((host, peer), (peer, host)):
            for text in ("one", "gr\u00fc\u00dfe\n\u202e", "three"):
                assert (await agent.call("send", text=text))["state"] == "delivered"
                got = await reader.until("text")
                assert (got["body"], got["from"], got["trust"]) == (text, "peer", "untrusted"), got
        content = os.urandom(BYTES)
        (project(here) / "report").write_bytes(content)
        told = []

        async def progress(done, total, message):
            told.append((done, total))

        sent, got = await asyncio.gather(host.call("send_file", progress, paths=["report"]), peer.until("file"))
        assert sent["state"] == "delivered" and pathlib.Path(got["saved_to"]).read_bytes() == content
        assert told and told[-1] == (BYTES, BYTES) and told == sorted(set(told)), told
        asked, _ = await asyncio.gather(peer.call("ask", text="which?"), answer(host))
        assert asked["reply"]["body"] == "the second", asked
        refused = await one.call_tool("send", {"text": "x", "channel": "1042"})
        assert refused.is_error and json.loads(refused.content[0].text)["error"] == "code-not-open"
        await peer.call("close")
        while "ended" not in (ended := await host.call("receive", wait_s=45)):
            pass
        assert ended["ended"]["exit"] == 0, ended
        assert (await host.call("status"))["sessions"] == []


async def answer(agent):
    assert (await agent.until("text"))["body"] == "which?"
    await agent.call("send", text="the second")


def main():
    for mode in ("legacy", "2026-07-28"):
        with tempfile.TemporaryDirectory() as here, tempfile.TemporaryDirectory() as there:
            asyncio.run(asyncio.wait_for(session(mode, here, there), 300))
    print("agent.py: the official MCP SDK speaks with both sides in both lifecycles")


if __name__ == "__main__":
    sys.exit(main())
