"""Gives and takes files over stripes (SPEC 6.3) with the built program, from Python, as host and as joiner.

    cargo build --locked && venv/bin/python tests/vectors/stripes.py

Two connections carry the bytes beside the one in use. Python cuts one of them in the middle, and says so: what was on it comes once more,
and nothing that was named. Everything stays on 127.0.0.1. Exits 1 if a session does not end as it should.
"""

import os
import sys

from peer.beginning import hosts, joins
from peer.disk import made, there
from peer.program import lines, named, run
from peer.striping import WISHED, GivingStriped, Striped, TakingStriped
from peer.variants import GIVE, LEAVE, TAKE

SIZE = 5_000_000
LINKS = {"environment": {"PINHOLE_LINKS": str(1 + WISHED)}}


def tree():
    return [((), None), *(((f"file {number}",), os.urandom(SIZE // 2)) for number in range(2))]


def carried(conversation, cut):
    """Whether each stripe has had its share."""
    assert conversation.links == 1, conversation.links
    assert len(conversation.carried) >= WISHED and sum(conversation.carried.values()) >= SIZE, conversation.carried
    assert sum(bytes > SIZE // 20 for bytes in conversation.carried.values()) >= WISHED, (conversation.carried, cut)


def gives(home, start, command, cut):
    """Python gives a folder, whichever side it is."""
    entries = tree()
    process, conversation = start(home, command, GIVE, kind=Striped, **LINKS)
    giving = GivingStriped(conversation, "gift", entries, cut_at=cut)
    assert giving.run() == {0: 1}
    carried(conversation, cut)
    conversation.leave()
    conversation.message(LEAVE)
    conversation.close()
    said, status = lines(process)
    assert status == 0 and there(home, "gift") == dict(entries), said
    assert not [line for line in said if line.get("event") in ("reconnecting", "tampered")], said


def takes(home, start, command, cut):
    """Python takes a folder, whichever side it is."""
    entries = tree()
    made(home, "gift", entries)
    process, conversation = start(home, command, TAKE, kind=Striped, **LINKS)
    taking = TakingStriped(conversation, cut_at=cut)
    found = taking.run()
    carried(conversation, cut)
    conversation.message(LEAVE)
    conversation.leave()
    conversation.close()
    said, status = lines(process)
    assert status == 0 and found == dict(entries), said
    assert [line["type"] for line in said].count("delivered") == 1, said


def main():
    sessions = []
    for cut in (None, SIZE // 3):
        sessions += [named(gives, start, ("take", "-o", "."), cut) for start in (joins, hosts)]
        sessions += [named(takes, joins, ("give", "gift"), cut), named(takes, hosts, ("give", "gift", "--code"), cut)]
    return run("stripes", sessions, 5 if os.environ.get("PINHOLE_FULL") else 1)


if __name__ == "__main__":
    sys.exit(main())
