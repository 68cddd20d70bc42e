"""The predecessor's own sequence, from its README, with `pinhole` in place of its name: both sides in one home, as its users have them."""

import lines
from world import expect, until


def cases(clients):
    yield "predecessor", run


def run(case):
    home = case.home("home")
    said = case.logs / "host.out", case.logs / "peer.out"
    host = home.start("exec pinhole host", log="host")
    code = until(lambda: (line := lines_of(said[0], event="channel")) and line["code"], "a code")
    peer = home.start(f"exec pinhole connect {code}", log="peer")
    until(lambda: lines_of(said[1], event="connected"), "a peer")
    home.write("config.json", '{"a": 1}')
    for command in (
        f"pinhole send {code} 'hello from the laptop' --role host",
        f"pinhole send {code} 'hello from the peer' --role peer",
        f"pinhole send {code} --file ./config.json --role host",
        f"pinhole send {code} \"$(head -c 3000 /dev/zero | tr '\\0' z)\" --role peer",
    ):
        ended = home.run(command)
        expect(ended.code == 0 and ended.find(type="delivered"), f"{command} delivers", ended)
    for command in ("pinhole status", f"pinhole status {code}"):
        ended = home.run(command)
        roles = [line["role"] for line in ended.lines if line["type"] == "session"]
        expect(ended.code == 0 and sorted(roles) == ["host", "peer"], f"{command} shows both sides", ended)
    second = home.run(f"pinhole connect {code} --detach")
    expect(second.code == 3, "a code works once", second)
    closed = home.run(f"pinhole close {code}")
    expect(closed.code == 0, "one close ends both sides", closed)
    expect((host.wait(20), peer.wait(20)) == (0, 0), "both end in peace", (host.returncode, peer.returncode))
    expect(lines_of(said[1], body="hello from the laptop") and lines_of(said[0], body="hello from the peer"), "both have heard each other")
    file, long = lines_of(said[1], type="file"), lines_of(said[0], type="text", size=3000)
    expect(open(file["saved_to"]).read() == '{"a": 1}', "the file is there", file)
    expect(open(long["saved_to"]).read() == "z" * 3000, "the long text is there", long)


def lines_of(path, **fields):
    return lines.find(lines.found(path.read_text()), **fields)
