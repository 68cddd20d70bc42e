"""Cuts the links between the built program and a Python that is resuming (SPEC 6), as host and as joiner, in transfers both ways.

    cargo build --locked && venv/bin/python tests/vectors/links.py

A folder goes from one side to the other while Python cuts the link five times, in the middle of records too, and between the last record
and the result; it arrives equal, and nothing comes twice that was named as written. Texts go both ways in the same manner, each exactly
once. Handshakes are cut after the tag, and first greetings lost. All of it directly and through a relay. Everything stays on 127.0.0.1.
Exits 1 if a session does not end as it should.
"""

import os
import random
import sys
import tempfile

from peer.beginning import GREETING, TAG, hosts, hosts_at, joins, joins_at
from peer.conversation import LOST, STATE_CAME
from peer.disk import made, there
from peer.giving import Giving
from peer.program import lines, named, program, relay, run
from peer.taking import Taking
from peer.variants import BOTH, GIVE, LEAVE, RESULT, TAKE, TEXT

CUTS = 5
TEXTS, SENT = 200, 8
SHORT = "all the same"


def tree():
    """A folder of several parts: small files, empty ones, and some of MiB."""
    sizes = [0, 1, 65_536, 65_537, 5 << 20, 300, 4 << 20, 3 << 20]
    files = [((f"{number} of {size}",), os.urandom(size)) for number, size in enumerate(sizes)]
    below = [(("below",), None), (("below", "it"), b"deeper")]
    return [((), None), *files, *below]


def cuts(conversation):
    conversation.cuts = [random.randrange(60) for _ in range(CUTS - 1)]


def gives(home, start, command):
    """Python gives a folder, whichever side it is."""
    entries = tree()
    process, conversation = start(home, command, GIVE)
    cuts(conversation)
    giving = Giving(conversation, "gift", entries, a_part=2)
    giving.cut_after_end = True
    result = giving.run()
    assert result == {0: 1}, result
    conversation.leave()
    conversation.message(LEAVE)
    conversation.close()
    said, status = lines(process)
    assert status == 0 and conversation.links > CUTS, (conversation.links, said)
    assert [line["type"] for line in said].count("file") == 1 and there(home, "gift") == dict(entries), said


def takes(home, start, command):
    """Python takes a folder, whichever side it is."""
    entries = tree()
    made(home, "gift", entries)
    process, conversation = start(home, command, TAKE)
    cuts(conversation)
    taking = Taking(conversation)
    taking.cut_before_result = random.choice(("at once", "and name all again"))
    found = taking.run()
    conversation.message(LEAVE)
    conversation.leave()
    conversation.close()
    said, status = lines(process)
    assert status == 0 and conversation.links > CUTS, (conversation.links, said)
    assert [line["type"] for line in said].count("delivered") == 1 and found == dict(entries), said


def exchanges(home, start, command):
    """Texts go both ways on an open channel, each once and in order, while it is cut ten times."""
    process, conversation = start(home, command, BOTH)
    conversation.cuts = [random.randrange(40) for _ in range(2 * CUTS)]
    texts = [f"{item} of Python" for item in range(1, TEXTS + 1)]
    for item, text in enumerate(texts, 1):
        conversation.say([TEXT, {0: item, 1: text}])
    here, results, sending = [], 0, []
    while results < TEXTS or len(here) < SENT:
        kind, said = conversation.next()
        assert kind in (TEXT, RESULT, STATE_CAME), kind
        if kind == TEXT:
            here.append(said[1])
            conversation.say([RESULT, {0: said[0]}])
        elif kind == RESULT:
            results += 1
            assert said == {0: results}, said
        if len(sending) == len(here) < SENT:
            sending.append(program(home, "send", str(conversation.nameplate), "--text", f"{len(here)} of the program"))
    assert all(lines(one)[1] == 0 for one in sending)
    conversation.leave()
    conversation.message(LEAVE)
    conversation.close()
    said, status = lines(process)
    assert status == 0 and [line["body"] for line in said if line["type"] == "text"] == texts, said
    assert here == [f"{item} of the program" for item in range(SENT)] and conversation.links > 2 * CUTS, (here, conversation.links)


def beside(home, start, command):
    """A link that nobody needs is closed; of one that seems to work, another takes the place if Python says that it has none."""
    process, conversation = start(home, command, BOTH)
    conversation.connect()
    try:
        conversation.another(linked=True).record()
    except LOST:
        pass
    else:
        raise AssertionError("a link that nobody needs was put into use")
    conversation.say([TEXT, {0: 1, 1: SHORT}])
    assert conversation.message(RESULT) == {0: 1} and conversation.links == 1
    half_open, conversation.link = conversation.link, None
    conversation.say([TEXT, {0: 2, 1: SHORT}])
    assert conversation.message(RESULT) == {0: 2} and conversation.links == 2
    try:
        while half_open.record():
            pass
    except LOST:
        pass
    conversation.leave()
    conversation.message(LEAVE)
    conversation.close()
    said, status = lines(process)
    assert status == 0 and [line["type"] for line in said].count("text") == 2, said


def short(home, start, command, want, cut):
    """A text goes over, although the first link was cut before it was one."""
    process, conversation = start(home, command, want, cut)
    if want == GIVE:
        conversation.say([TEXT, {0: 1, 1: SHORT}])
        assert conversation.message(RESULT) == {0: 1}
        conversation.leave()
        conversation.message(LEAVE)
    else:
        text = conversation.message(TEXT)
        assert text[1] == SHORT
        conversation.say([RESULT, {0: text[0]}])
        conversation.message(LEAVE)
        conversation.leave()
    conversation.close()
    said, status = lines(process)
    assert status == 0 and [line["type"] for line in said].count("text" if want == GIVE else "delivered") == 1, said


def sessions(port):
    """All of them, directly and through the relay at this port."""
    for host, joiner in ((hosts, joins), (hosts_at(port), joins_at(port))):
        yield named(gives, joiner, ("take", "-o", "."))
        yield named(takes, joiner, ("give", "gift"))
        yield named(gives, host, ("take", "-o", "."))
        yield named(takes, host, ("give", "gift", "--code"))
        yield named(exchanges, joiner, ("host",))
        yield named(exchanges, host, ("connect",))
        if host is hosts:
            yield named(beside, joiner, ("host",))
        for cut in (TAG, GREETING):
            yield named(short, joiner, ("take",), GIVE, cut)
            yield named(short, host, ("give", "--text", SHORT, "--code"), TAKE, cut)


def main():
    with tempfile.TemporaryDirectory() as home, relay(home) as port:
        return run("links", list(sessions(port)), 10 if os.environ.get("PINHOLE_FULL") else 1)


if __name__ == "__main__":
    sys.exit(main())
