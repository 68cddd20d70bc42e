"""A transfer that is given, in its faithful form (SPEC 7): sent again where a lost link leaves it open, and proved (SPEC 7.10)."""

import random

from blake3 import blake3

from check import proof_key
from records import CHUNK, chunk

from .conversation import STATE_CAME
from .ranges import cut_at, joined, length, without
from .variants import ACCEPT, END, ENTRIES, FILE, FOLDER, HAVE, OFFER, PROOF, RESULT

# Bytes of a chunk: 65,536 at most.
A_CHUNK = 40_000
RANGES = 64
AHEAD = 4
SEGMENT = 16 << 20
MODIFIED = 1_700_000_000


class Giving:
    """One item, as pairs of a path below it and the content there, or nothing for a folder; the first is the item itself."""

    def __init__(self, conversation, name, entries, a_part=1000, item=1):
        self.conversation, self.item = conversation, item
        self.name, self.entries = name, entries
        self.content = b"".join(content or b"" for _, content in entries)
        self.parts = list(self.laid_out(a_part))
        self.accepted = self.ended = False
        self.result = None
        self.limit = self.registered = self.said = self.sent = 0
        # Positions: written at the other side, asked about by it, sent on any link, and sent on this one.
        self.written, self.asked, self.ever, self.on_link = [], [], [], []
        # True until the other side has named all that is written, after a link was lost that carried something.
        self.waits = False
        self.queue = None
        self.cut_after_end = False
        conversation.transfers.append(self)

    def laid_out(self, a_part):
        """The parts: the number of the first entry, the entries, and the position at which the part ends."""
        numbers = {path: number for number, (path, _) in enumerate(self.entries)}
        encoded, self.starts, at = [], [], 0
        for path, content in self.entries:
            place = {1: numbers[path[:-1]], 2: path[-1].encode()} if path else {0: 0}
            kind = {3: FOLDER} if content is None else {3: FILE, 4: len(content)}
            encoded.append(place | kind | {5: 0o755 if content is None else 0o644, 6: MODIFIED, 7: 5})
            self.starts.append(at)
            at += len(content or b"")
        for first in range(0, len(encoded), a_part):
            ends = [*self.starts[first + a_part:first + a_part + 1], at]
            yield first, encoded[first:first + a_part], ends[0]

    def run(self, most=None):
        """Offers it, and gives it to the result, or no more of it than this."""
        alone = self.entries[0][1] is not None
        item = {0: self.name, 1: FILE, 2: len(self.content)} if alone else {0: self.name, 1: FOLDER}
        self.conversation.say([OFFER, [{0: self.item, 1: [item], 2: len(self.content), 3: len(self.entries), 4: alone}]])
        while self.result is None and (most is None or self.sent < most):
            found = self.conversation.next(wait=not self.step())
            if found is not None:
                self.heard(*found)
        return self.result

    def heard(self, kind, said):
        if kind == STATE_CAME:
            return
        assert kind in (ACCEPT, HAVE, RESULT) and said[0] == self.item, (kind, said)
        if kind == ACCEPT:
            self.accepted = True
        elif kind == HAVE:
            self.prove(said[1])
        else:
            self.result = said

    def prove(self, ranges):
        """Answers a question, in two messages where there is enough for it."""
        assert joined(ranges) == ranges and (not self.asked or self.asked[-1][1] <= ranges[0][0]), ranges
        self.asked += ranges
        key = proof_key(self.conversation.resume, self.conversation.role)
        hashes = [blake3(self.content[start:end], key=key).digest() for start, end in cut_at(ranges, SEGMENT)]
        half = len(hashes) // 2
        for some in (hashes[:half], hashes[half:]):
            if some:
                self.conversation.say([PROOF, {0: self.item, 1: b"".join(some)}])

    def credited(self, credit):
        item, limit, registered, written = (credit[field] for field in range(4))
        if item != self.item:
            return
        assert joined(written) == written and len(written) <= RANGES and registered <= self.said, credit
        assert not without(written, self.ever + self.asked), credit
        self.limit, self.registered = max(self.limit, limit), max(self.registered, registered)
        self.written = joined(self.written + written)
        self.waits = self.waits and len(written) == RANGES
        self.queue = None

    def say_again(self):
        """Nothing but messages, which are the conversation's: `counted` was not said."""

    def link_lost(self):
        self.waits = bool(self.ever)
        self.on_link, self.queue = [], None

    def step(self):
        """Sends the next part, chunk or end, if there is one to be sent; whether there was."""
        if not self.accepted or self.result is not None:
            return False
        if self.said < min(len(self.parts), self.registered + AHEAD):
            first, entries, _ = self.parts[self.said]
            self.said += 1
            self.conversation.say([ENTRIES, [{0: self.item, 1: first, 2: entries}]])
            return True
        if self.waits:
            return False
        if self.queue is None:
            self.queue = self.pieces()
        if self.queue:
            self.send_chunk(*self.queue.pop())
            return True
        whole = length(joined(self.on_link + self.written)) == len(self.content)
        if whole and self.registered == len(self.parts) and not self.ended:
            self.ended = True
            self.conversation.say([END, {0: self.item, 1: len(self.entries), 2: len(self.content)}])
            if self.cut_after_end:
                self.conversation.cut(reset=True)
            return True
        return False

    def pieces(self):
        """The chunks that are to be sent and may be, in any order."""
        allowed = min(self.limit, self.parts[self.registered - 1][2] if self.registered else 0)
        pieces = []
        for number, (start, (_, content)) in enumerate(zip(self.starts, self.entries)):
            end = min(start + len(content or b""), allowed)
            missing = without([[start, end]], self.written + self.on_link)
            pieces += [(number, *piece) for piece in cut_at(missing, A_CHUNK)]
        random.shuffle(pieces)
        return pieces

    def send_chunk(self, entry, start, end):
        self.ever = joined(self.ever + [[start, end]])
        if self.conversation.send(CHUNK, chunk(self.item, entry, start - self.starts[entry], self.content[start:end])):
            self.on_link = joined(self.on_link + [[start, end]])
            self.sent += end - start
