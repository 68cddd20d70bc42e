"""Stripes beside the link in use (SPEC 6.3): made, spoken on, lost, and a transfer each way over them."""

import select
import socket
import time

import cbor2

from check import HOST
from records import CHUNK, chunk

from .conversation import EVERYTHING, LOST, STATE_CAME, Conversation
from .giving import Giving
from .ranges import joined, length, without
from .taking import Taking
from .variants import DROP, HEARTBEAT, STRIPES, STRIPING, USE, USING

STRIPE = [{0: 0, 1: 0, 5: True}]
REST = 1
LEAST = 1 << 16
# A stripe's heartbeats, and a link that is to be made, are looked at so often while nothing comes.
TURN = 0.2
WISHED = 2


class Striped(Conversation):
    """A conversation with stripes: as many as either side wishes for, of which a session may cut some."""

    capabilities = EVERYTHING | STRIPING

    def __init__(self, *arguments):
        super().__init__(*arguments)
        # By index; bytes that each has brought or carried, of those that have ended, too.
        self.stripes, self.carried = {}, {}
        self.theirs, self.listener, self.rests = 0, None, 0
        self.beats, self.turn = {}, 0

    def answering(self, listener):
        self.listener = listener
        return super().answering(listener)

    def begin(self, link):
        super().begin(link)
        self.tell([STRIPES, {0: WISHED}])

    # How they are made and how they end.

    def make(self):
        """Makes one that is missing: who has dialled the link in use dials, the other answers. Whether there is one more."""
        if len(self.stripes) >= max(WISHED, self.theirs) or time.monotonic() < self.rests:
            return False
        if self.role == HOST and not select.select([self.listener], [], [], 0)[0]:
            return False
        link = None
        try:
            link = self.another(linked=True)
            if link is None:
                return False
            if self.role == HOST:
                link.tell([USE, STRIPE])
                assert self.first_of(link) == (USING, STRIPE)
            else:
                assert self.first_of(link) == (USE, STRIPE)
                link.tell([USING, STRIPE])
        except LOST:
            # The other side has given it up, or wants no more.
            if link is not None and self.role == HOST:
                self.tell([DROP, {0: link.index}])
            return False
        self.stripes[link.index], self.carried[link.index] = link, 0
        return True

    def lose(self, index):
        """A stripe has ended: all that was read of it is taken in, and named before that is said."""
        self.stripes.pop(index).stream.connection.close()
        self.rests = time.monotonic() + REST
        for transfer in self.transfers:
            transfer.say_again()
        self.tell([DROP, {0: index}])

    def lost(self):
        super().lost()
        for stripe in self.stripes.values():
            stripe.stream.connection.close()
        self.stripes.clear()

    # What is said and heard.

    def send_bytes(self, body):
        """Sends a chunk on the stripe that has carried the least; its index, though it may be lost by that."""
        index = min(self.stripes, key=self.carried.get)
        stripe = self.stripes[index]
        try:
            stripe.stream.send_record(stripe.seal(CHUNK, body))
        except LOST:
            self.lose(index)
        self.carried[index] += len(body)
        return index

    def beat_on_stripes(self):
        work = bool(self.unacknowledged or self.open or self.owed)
        for index, stripe in list(self.stripes.items()):
            if time.monotonic() >= self.beats.get(index, 0) + 2:
                self.beats[index] = time.monotonic()
                try:
                    stripe.tell([HEARTBEAT, {0: work}])
                except LOST:
                    self.lose(index)

    def next(self, wait=True):
        while True:
            if self.link is None:
                self.connect()
            if self.make():
                return STATE_CAME, None
            self.beat_on_stripes()
            ready = self.ready(TURN if wait else 0)
            for index in ready:
                found = self.of_stripe(index)
                if found is not None:
                    return found
            found = super().next(wait=False)
            if found is not None or not wait:
                return found

    def ready(self, seconds):
        """The stripes on which something is there to be read, or soon is; each in turn comes first."""
        if self.link is None:
            return []
        streams = {index: stripe.stream for index, stripe in self.stripes.items()}
        early = [index for index, stream in streams.items() if stream.waiting]
        main = self.link.stream
        connections = [main.connection, *(stream.connection for stream in streams.values())]
        there = select.select(connections, [], [], 0 if early or main.waiting else seconds)[0]
        ready = [index for index, stream in streams.items() if index in early or stream.connection in there]
        self.turn += 1
        at = self.turn % len(ready) if ready else 0
        return ready[at:] + ready[:at]

    def of_stripe(self, index):
        if index not in self.stripes:
            return None
        try:
            kind, body = self.stripes[index].record()
        except LOST:
            self.lose(index)
            return None
        if kind == CHUNK:
            self.carried[index] += len(body)
            return self.chunk(body)
        control, _ = cbor2.loads(body)
        assert control == HEARTBEAT, control
        return None

    def control(self, control, content):
        if control == STRIPES:
            self.theirs = content[0]
        elif control == DROP:
            if content[0] in self.stripes:
                self.lose(content[0])
            for transfer in self.transfers:
                transfer.dropped(content[0])
            return STATE_CAME, content
        return super().control(control, content)

    def close(self):
        """Closes the stripes with the link in use (SPEC 8.5)."""
        stripes = [stripe.stream for stripe in self.stripes.values()]
        for stream in stripes:
            try:
                stream.connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        super().close()
        for stream in stripes:
            stream.finish()


class GivingStriped(Giving):
    """Bytes go over stripes alone. What one has carried that is lost goes again once the other side has said what it has of it."""

    def __init__(self, *arguments, cut_at=None, **options):
        super().__init__(*arguments, **options)
        self.by_stripe, self.cut_at = {}, cut_at

    def step(self):
        # The entries go before all bytes, and bytes once all stripes are there.
        if self.said and len(self.conversation.stripes) < (1 if self.sent else WISHED):
            return False
        if self.cut_at is not None and self.sent >= self.cut_at:
            self.cut_at = None
            self.conversation.lose(min(self.conversation.stripes))
            return True
        # All that a lost one had is settled before the end.
        settled = set(self.by_stripe) <= set(self.conversation.stripes)
        if not settled and length(joined(self.on_link + self.written)) == len(self.content):
            return False
        return super().step()

    def send_chunk(self, entry, start, end):
        self.ever = joined(self.ever + [[start, end]])
        self.on_link = joined(self.on_link + [[start, end]])
        data = self.content[start:end]
        index = self.conversation.send_bytes(chunk(self.item, entry, start - self.starts[entry], data))
        self.by_stripe.setdefault(index, []).append([start, end])
        self.sent += end - start

    def dropped(self, index):
        lost = without(self.by_stripe.pop(index, []), self.written)
        self.on_link, self.queue = without(self.on_link, lost), None

    def link_lost(self):
        super().link_lost()
        self.by_stripe.clear()


class TakingStriped(Taking):
    """What comes is named soon: a sender has no more than some of it on a stripe that nobody has named."""

    def __init__(self, *arguments, cut_at=None):
        super().__init__(*arguments)
        self.cut_at, self.told = cut_at, 0

    def write(self, start, end):
        super().write(start, end)
        if length(self.written) >= self.told + LEAST:
            self.credit()
        if self.cut_at is not None and length(self.written) >= self.cut_at and len(self.conversation.stripes) == WISHED:
            self.cut_at = None
            self.conversation.lose(max(self.conversation.stripes))

    def credit(self, written=None):
        super().credit(written)
        self.told = length(self.written)

    def dropped(self, index):
        """What a stripe had of a transfer is its sender's affair."""
