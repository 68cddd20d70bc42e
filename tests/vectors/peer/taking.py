"""A transfer that is taken, in its faithful form (SPEC 7): what is written is named again on each link, and asked about (SPEC 7.10)."""

import random
from collections import deque

from blake3 import blake3

from check import proof_key

from .conversation import CHUNK_CAME, STATE_CAME
from .giving import RANGES, SEGMENT
from .ranges import cut_at, joined, length, overlap, without
from .variants import ACCEPT, CREDIT, END, ENTRIES, FILE, GAP, HAVE, OFFER, PROOF, RESULT, WINDOW

GROWTH = WINDOW // 8
A_QUESTION = 1000


class Taking:
    """The transfer of the next offer. `earlier` has, by path, ranges of a file from another day and all its bytes, true or not."""

    def __init__(self, conversation, earlier=None):
        self.conversation, self.earlier = conversation, earlier or {}
        self.entries, self.starts, self.parts = [], [], deque()
        self.said = self.registered = self.limit = 0
        self.content = bytearray()
        # Positions: written, and of them those that the other side was told of.
        self.written, self.named = [], []
        # Segments asked about and not answered, the position before which all is asked, and what was proved.
        self.segments, self.asked_to, self.proved = deque(), 0, []
        self.came = 0
        self.end = None
        self.finished = False
        self.cut_before_result = False

    def run(self, until=None):
        """Takes it to the end, and says the result, or until so much is written; by path the content, or nothing for a folder."""
        offer, = self.conversation.message(OFFER)
        self.offer, self.item = offer, offer[0]
        self.conversation.transfers.append(self)
        self.conversation.say([ACCEPT, {0: self.item}])
        while not self.whole():
            self.heard(*self.conversation.next())
            if until is not None and length(self.written) >= until:
                return None
        if self.cut_before_result:
            self.conversation.cut()
            if self.cut_before_result == "and name all again":
                self.conversation.connect()
        self.finished = True
        self.conversation.say([RESULT, {0: self.item}])
        return {self.path(number): self.bytes_of(number) for number in range(len(self.entries))}

    def kept(self):
        """What is here of each file, for another day: the ranges of it that are written, and its bytes."""
        kept = {}
        for number, start in enumerate(self.starts):
            if self.entries[number][3] == FILE:
                size = self.entries[number][4]
                missing = without([[start, start + size]], self.written)
                here = without([[start, start + size]], missing)
                kept[self.path(number)] = [[begin - start, end - start] for begin, end in here], self.bytes_of(number)
        return kept

    def whole(self):
        return self.end is not None and length(self.written) == self.end[2]

    def heard(self, kind, said):
        if kind == CHUNK_CAME:
            self.chunk(*said)
        elif kind == ENTRIES:
            self.part(said[0])
        elif kind == PROOF:
            self.proof(said)
        elif kind == GAP:
            assert said[0] == self.item and 3 not in said
            self.write(said[1], said[2])
        elif kind == END:
            assert said == {0: self.item, 1: len(self.entries), 2: len(self.content)}, said
            self.end = said
        elif kind != STATE_CAME:
            raise AssertionError(f"message {kind}")

    # Entries.

    def part(self, part):
        assert part[0] == self.item and part[1] == len(self.entries)
        for entry in part[2]:
            self.entries.append(entry)
            self.starts.append(len(self.content))
            self.content += bytes(entry.get(4, 0))
        self.said += 1
        self.parts.append((self.said, range(part[1], len(self.entries))))
        self.register()

    def path(self, number):
        entry = self.entries[number]
        return () if 0 in entry else (*self.path(entry[1]), entry[2].decode())

    def bytes_of(self, number):
        entry, start = self.entries[number], self.starts[number]
        return bytes(self.content[start:start + entry[4]]) if entry[3] == FILE else None

    def register(self):
        """Registers the parts about which everything is answered, and asks about the next."""
        while self.parts and not self.segments:
            number, entries = self.parts[0]
            if self.ask(entries):
                return
            if len(self.written) > RANGES and self.proved:
                self.name_all()
            self.parts.popleft()
            self.registered = number
            self.credit()

    # Another day.

    def ask(self, entries):
        """Asks what is to be asked about this part, a question at a time; whether there was something."""
        ranges = []
        for number in entries:
            known, _ = self.earlier.get(self.path(number), ((), None))
            start = self.starts[number]
            ranges += [[start + begin, start + end] for begin, end in known]
        ranges = without(ranges, [[0, self.asked_to]])[:A_QUESTION]
        if not ranges:
            return False
        self.asked_to = ranges[-1][1]
        self.segments.extend(cut_at(ranges, SEGMENT))
        self.conversation.say([HAVE, {0: self.item, 1: ranges}])
        return True

    def proof(self, said):
        """Compares hashes; what is equal counts as written."""
        key = proof_key(self.conversation.resume, 3 - self.conversation.role)
        assert said[0] == self.item and len(said[1]) % 32 == 0 and len(said[1]) // 32 <= len(self.segments)
        for at in range(0, len(said[1]), 32):
            start, end = self.segments.popleft()
            here = self.guess(start, end)
            if blake3(here, key=key).digest() == said[1][at:at + 32]:
                self.content[start:end] = here
                self.proved.append([start, end])
        self.written = joined(self.written + self.proved)
        self.register()

    def guess(self, start, end):
        """What is here of these positions, over all files that have some of them."""
        here = b""
        for number, begins in enumerate(self.starts):
            size = self.entries[number].get(4, 0)
            first, last = max(start, begins), min(end, begins + size)
            if first < last:
                here += self.earlier[self.path(number)][1][first - begins:last - begins]
        return here

    # Bytes.

    def chunk(self, item, entry, offset, data):
        start = self.starts[entry] + offset
        end = start + len(data)
        assert item == self.item and offset + len(data) <= self.entries[entry][4] and end <= self.limit
        # Nothing comes twice: on this link nothing that has come on it, nor what was named at its beginning.
        assert not overlap(self.written, start, end), "what was written comes again"
        self.content[start:end] = data
        self.came += len(data)
        self.write(start, end)

    def write(self, start, end):
        self.written = joined(self.written + [[start, end]])
        if self.next_limit() >= self.limit + GROWTH or length(self.written) == len(self.content):
            self.credit()

    # Credit.

    def next_limit(self):
        first = self.written[0][1] if self.written and self.written[0][0] == 0 else 0
        return first + WINDOW

    def credit(self, written=None):
        self.limit = max(self.limit, self.next_limit())
        written = self.written[:RANGES] if written is None else written
        self.named = joined(self.named + written)
        self.conversation.tell([CREDIT, {0: self.item, 1: self.limit, 2: self.registered, 3: written}])

    def name_all(self):
        """Names all that is written, so many ranges a credit, the last with fewer."""
        for at in range(0, len(self.written) + 1, RANGES):
            self.credit(self.written[at:at + RANGES])

    def say_again(self):
        if not self.finished:
            self.name_all()

    def link_lost(self):
        """Forgets half of what has come and nobody was told of, as a receiver does who had not written it yet."""
        unnamed = cut_at(without(self.written, self.named + self.proved), 1 << 16)
        for start, end in random.sample(unnamed, len(unnamed) // 2):
            self.written = without(self.written, [[start, end]])
            self.content[start:end] = bytes(end - start)
