"""Breaks transfers off and goes on with them in another conversation, with proofs that both sides have the same (SPEC 7.10).

    cargo build --locked && venv/bin/python tests/vectors/another_day.py

Python gives what the program has a part of, and proves what it is asked about; Python takes what it has a part of itself, asks, and
compares. A part of what is there is not the same any more, and comes again; nothing else does. Links are cut meanwhile. Exits 1 if a
session does not end as it should.
"""

import os
import random
import sys

from peer.beginning import hosts, joins
from peer.disk import made, there
from peer.giving import RANGES, Giving
from peer.program import lines, named, run
from peer.ranges import cut_at, length, without
from peer.taking import Taking
from peer.variants import GIVE, INTERRUPTED, LEAVE, TAKE

SEGMENT = 16 << 20
SIZE = 40 << 20
# So much of the first window in random chunks is in more ranges than a credit can name.
MANY_RANGES = 10 << 20


def alone():
    return [((), os.urandom(SIZE))]


def folder():
    return [((), None), *(((f"{size} of it",), os.urandom(size)) for size in (3 << 20, 0, 77, 20 << 20, 9 << 20))]


def pieces(kept):
    """The same, with gaps in it, so that it is more than a question may ask."""
    def of(ranges):
        return [piece for start, end in ranges for piece in ([at, min(at + 3000, end)] for at in range(start, end, 18_000))]
    return {path: (of(ranges), content) for path, (ranges, content) in kept.items()}


def spoiled(kept):
    """The same, but for a byte that is claimed of the longest."""
    path = max(kept, key=lambda path: length(kept[path][0]))
    ranges, content = kept[path]
    return kept | {path: (ranges, other_at(content, ranges[0][0]))}


def other_at(content, position):
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1:]


def broken_off(process, conversation):
    conversation.leave(INTERRUPTED)
    conversation.close()
    said, status = lines(process)
    assert status == 6, said


def gives(home, start, command, content):
    """The program has some of it from the day before, in many ranges or in more than a segment; a byte of the first is another today."""
    entries = content()
    most = MANY_RANGES if content is alone else SEGMENT + (6 << 20)
    process, conversation = start(home, command, GIVE)
    first = Giving(conversation, "gift", entries)
    first.run(most=most)
    broken_off(process, conversation)
    position = random.randrange(1 << 20)
    number = next(number for number, (_, content) in enumerate(entries) if content)
    entries[number] = entries[number][0], other_at(entries[number][1], position)
    process, conversation = start(home, command, GIVE)
    conversation.cuts = [random.randrange(8) for _ in range(3)]
    second = Giving(conversation, "gift", entries)
    assert second.run() == {0: 1}
    conversation.leave()
    conversation.message(LEAVE)
    conversation.close()
    said, status = lines(process)
    assert status == 0 and there(home, "gift") == dict(entries), said
    assert sum(line.get("event") == "continued" for line in said) == 1, said
    assert content is folder or len(second.asked) > RANGES, len(second.asked)
    # It asks about all that it has, and what comes is the rest and the segment that is not the same.
    equal = [segment for segment in cut_at(second.asked, SEGMENT) if not segment[0] <= position < segment[1]]
    assert not without(first.written, second.asked) and second.ever == without([[0, len(second.content)]], equal), (second.asked, second.ever)


def takes(home, start, command, content):
    """Python has some of it from the day before, and thinks to have more than is true."""
    entries = content()
    made(home, "gift", entries)
    process, conversation = start(home, command, TAKE)
    first = Taking(conversation)
    first.run(until=SEGMENT + (4 << 20))
    broken_off(process, conversation)
    process, conversation = start(home, command, TAKE)
    conversation.cuts = [random.randrange(8) for _ in range(3)]
    earlier = pieces(first.kept())
    second = Taking(conversation, spoiled(earlier))
    found = second.run()
    conversation.message(LEAVE)
    conversation.leave()
    conversation.close()
    said, status = lines(process)
    assert status == 0 and found == dict(entries), said
    claimed = sum(length(ranges) for ranges, _ in earlier.values())
    assert 0 < claimed - length(second.proved) <= SEGMENT and not second.segments, (claimed, second.proved)
    assert second.came + length(second.proved) == len(second.content), (second.came, second.proved)


def main():
    sessions = [named(session, start, command, content) for content in (alone, folder) for session, start, command in (
        (gives, hosts, ("take", "-o", ".")), (gives, joins, ("take", "-o", ".")),
        (takes, hosts, ("give", "gift", "--code")), (takes, joins, ("give", "gift")))]
    return run("another_day", sessions, 10 if os.environ.get("PINHOLE_FULL") else 1)


if __name__ == "__main__":
    sys.exit(main())
