"""Moves sides of conversations, so that the next link can be made only at a place that one of the two has said (SPEC 6.6).

    cargo build --locked && venv/bin/python tests/vectors/places.py

Python hosts or joins, directly or at a relay, goes elsewhere after each text and says where, or dials an address that the program has
said and can be reached nowhere itself. Everything stays on 127.0.0.1. Exits 1 if a session does not end as it should.
"""

import os
import socket
import sys
import tempfile

from peer.beginning import LOOPBACK, hosts, hosts_at, joins, joins_at
from peer.conversation import STATE_CAME
from peer.program import lines, named, relay, run
from peer.variants import BOTH, LEAVE, RESULT, TEXT

MOVES = 3


def elsewhere(conversation):
    """Python listens at another port from now on, alone, and says so."""
    listener = socket.create_server((LOOPBACK, 0))
    conversation.say_places(listener.getsockname())
    return conversation.answering(listener)


def there(conversation):
    """Python dials where the program says that it listens, once it has, and is nowhere itself."""
    while conversation.heard_places is None:
        assert conversation.next()[0] == STATE_CAME
    address, port = next(place for place in conversation.heard_places[0] if len(place[0]) == 4)
    return conversation.dialling((socket.inet_ntoa(address), port))


def moves(home, start, command, move, relayed=None):
    process, conversation = start(home, command, BOTH)
    conversation.connect()
    for item in range(1, MOVES + 1):
        way = move(conversation)
        conversation.say([TEXT, {0: item, 1: str(item)}])
        # Its result shows that the program has heard the places that were said before it.
        assert conversation.message(RESULT) == {0: item}
        conversation.way = way
        conversation.cut()
    conversation.leave()
    conversation.message(LEAVE)
    conversation.close()
    said, status = lines(process)
    assert status == 0 and [line["body"] for line in said if line["type"] == "text"] == [str(item) for item in range(1, MOVES + 1)], said
    assert conversation.links == 1 + MOVES, conversation.links
    if relayed is not None and command == ("host",):
        assert conversation.heard_places[1] == f"ws://{LOOPBACK}:{relayed}/", conversation.heard_places


def sessions(port):
    for move in (elsewhere, there):
        for host, joiner, relayed in ((hosts, joins, None), (hosts_at(port), joins_at(port), port)):
            yield named(moves, host, ("connect",), move, relayed)
            yield named(moves, joiner, ("host",), move, relayed)


def main():
    with tempfile.TemporaryDirectory() as home, relay(home) as port:
        return run("places", list(sessions(port)), 10 if os.environ.get("PINHOLE_FULL") else 1)


if __name__ == "__main__":
    sys.exit(main())
