"""A conversation that outlives its links (SPEC 5, 6): numbered messages, greetings, and what is said again on the next link."""

import socket
import struct
import time
from collections import deque

import cbor2

from check import HOST, JOINER, committed, message_3, slot
from records import CHUNK, CONTROL

from . import direct, relay
from .handshake import host_link, join_link
from .link import Link
from .program import nameplate
from .variants import (CREDIT, DONE, FAITHFUL, FRAGMENT, HEARTBEAT, LEAVE, OFFER, PLACES, PROVING, RECEIVED, RESULT, RESUMING, SECRET, TEXT,
                       USE, USING, WINDOW)

EVERYTHING = FAITHFUL | RESUMING | PROVING
# What comes that is no message, and may be waited for.
CHUNK_CAME, STATE_CAME = "chunk", "state"
PIECE = 60_000
BEAT = 2
LOST = (EOFError, OSError)
# A way that leads nowhere is tried again after this (SPEC 6.6).
PAUSE = 0.2
PATIENCE = 60
UNTIL_USED = 5


class Conversation:
    """One side of it. `way` makes the next connection, and a session changes it as it likes: each way is seen to work by itself."""

    capabilities = EVERYTHING

    def __init__(self, role, code, made, want):
        self.role, self.nameplate, self.want = role, nameplate(code), want
        self.resume, self.id = made.keys["resume"], made.keys["conversation"]
        self.nonce = made.nonce
        self.commitment = None if role == HOST else made.hello.rest[:32]
        self.tokens = direct.Tokens(self.resume, role)
        self.first = self.link = self.way = None
        self.index, self.had, self.links = 0, {0}, 0
        self.number, self.unacknowledged = 0, deque()
        self.expected, self.pieces = 0, b""
        self.heard_use = self.greeted = False
        # Items of one's own without a result, and offers of the other side's that were given none.
        self.open, self.owed = set(), set()
        self.transfers = []
        self.said_places = self.heard_places = None
        self.beat = self.beat_said = None
        # Cuts to come: each link ends at the record after so many, with the next of these left for the next link.
        self.cuts, self.records_left = [], None

    def first_link(self, stream, keys):
        """The link that the code made, of which there may be none."""
        self.first = Link(stream, keys, self.role)

    # Ways: each makes a connection on which message 1 is the next that goes over it, or fails.

    def dialling(self, address):
        def way():
            stream = direct.dial(address, self.tokens.ours())
            assert self.tokens.expect(stream)
            return stream
        return way

    def answering(self, listener):
        def way():
            listener.settimeout(PATIENCE)
            stream = direct.Stream(listener.accept()[0])
            if not self.tokens.expect(stream):
                raise EOFError
            stream.send(direct.message_0(2, self.tokens.ours()))
            return stream
        return way

    def meeting(self, port):
        side = "host" if self.role == HOST else "joiner"
        return lambda: relay.meet(port, side, slot(self.resume, 0))

    # Links (SPEC 6.1, 6.2).

    def connect(self):
        """Brings a link into use: the code's first, then others."""
        deadline = time.monotonic() + PATIENCE
        self.link = None
        while self.link is None:
            link, self.first = self.first, None
            try:
                link = link or self.another()
                if link is not None:
                    self.begin(link)
            except LOST:
                self.link = None
            if self.link is None and time.monotonic() > deadline:
                raise TimeoutError("no link")

    def another(self, linked=False):
        """Makes one more link, on which nothing is said yet; the other side may close it for one that is `linked`."""
        try:
            stream = self.way()
        except ConnectionRefusedError:
            time.sleep(PAUSE)
            return None
        if self.role == HOST:
            self.index += 1
            made = host_link(stream, self.resume, self.id, self.index)
            assert made is not None
            stream.send(message_3(made.keys["confirm_host"]))
            return Link(stream, made.keys, HOST, self.index)
        index, keys = join_link(stream, self.resume, self.id, self.had, linked)
        self.had.add(index)
        return Link(stream, keys, JOINER, index)

    def greeting(self, first):
        own = {2: self.want, 3: 3600} if first else {}
        return [{0: self.expected, 1: WINDOW} | own | ({4: self.nonce} if first and self.role == HOST else {})]

    def begin(self, link):
        """The greetings, then all that is said again."""
        if self.role == HOST:
            link.tell([USE, self.greeting(not self.greeted)])
            control, (theirs, *_) = self.first_of(link)
            assert control == USING and (self.greeted or 2 in theirs), theirs
        else:
            control, (theirs, *_) = self.first_of(link)
            assert control == USE, control
            if not self.heard_use:
                assert committed(theirs[4]) == self.commitment
                self.heard_use = True
            link.tell([USING, self.greeting(2 in theirs)])
        self.greeted = True
        self.link, self.beat_said = link, None
        self.links += 1
        self.records_left = self.cuts.pop(0) if self.cuts else None
        self.pieces = b""
        self.acknowledge(theirs[0])
        for number, message in list(self.unacknowledged):
            self.send_message(number, message)
        for transfer in self.transfers:
            transfer.say_again()
        if self.said_places is not None:
            self.tell([PLACES, [self.said_places]])

    def first_of(self, link):
        """The other side's greeting, awaited no longer than a link may take that is not in use yet."""
        link.stream.connection.settimeout(UNTIL_USED)
        control, content = link.hear()
        link.stream.connection.settimeout(PATIENCE)
        return control, content

    def lost(self):
        """The link is no more: nothing is read from it, and nothing goes over it."""
        if self.link is not None:
            self.link.stream.connection.close()
            self.link = None
            for transfer in self.transfers:
                transfer.link_lost()

    def cut(self, **how):
        """Cuts the link, which the next that is read or awaited makes again."""
        if self.link is not None:
            self.link.stream.cut(**how)
            self.lost()

    def doomed(self):
        """Whether the link is to be cut at this record."""
        if self.records_left is None:
            return False
        self.records_left -= 1
        if self.records_left >= 0:
            return False
        self.records_left = None
        return True

    # What is said.

    def send(self, kind, body):
        """Sends a record, unless there is no link; whether it went out whole."""
        if self.link is None:
            return False
        record = self.link.seal(kind, body)
        if self.doomed():
            self.cut(torn=record)
            return False
        try:
            self.link.stream.send_record(record)
            return True
        except LOST:
            self.lost()
            return False

    def tell(self, control):
        return self.send(CONTROL, cbor2.dumps(control))

    def send_message(self, number, message):
        pieces = [message[at:at + PIECE] for at in range(0, len(message), PIECE)]
        for at, piece in enumerate(pieces, 1):
            self.tell([FRAGMENT, {0: number, 1: at == len(pieces), 2: piece}])

    def say(self, message):
        """Numbers a message and sends it, again on each link until it is acknowledged."""
        kind, fields = message
        if kind in (TEXT, SECRET):
            self.open.add(fields[0])
        elif kind == OFFER:
            self.open.add(fields[0][0])
        elif kind == RESULT:
            self.owed.discard(fields[0])
        encoded = cbor2.dumps(message)
        self.unacknowledged.append((self.number, encoded))
        self.number += 1
        if self.link is not None:
            self.send_message(self.number - 1, encoded)

    def acknowledge(self, number):
        assert number <= self.number
        while self.unacknowledged and self.unacknowledged[0][0] < number:
            self.unacknowledged.popleft()

    def say_places(self, *addresses):
        self.said_places = {0: [[socket.inet_aton(address), port] for address, port in addresses]}
        if self.link is not None:
            self.tell([PLACES, [self.said_places]])

    def heartbeat(self):
        """Seconds until the next one; says it when it is due."""
        work = bool(self.unacknowledged or self.open or self.owed)
        now = time.monotonic()
        if self.beat_said is None or (work and not self.beat_said) or now >= self.beat + BEAT:
            self.tell([HEARTBEAT, {0: work}])
            self.beat, self.beat_said = now, work
        return max(0, self.beat + BEAT - now)

    # What is heard.

    def next(self, wait=True):
        """The next message, chunk, credit or places, its kind and what it says, over however many links; nothing if none is there and none is awaited."""
        while True:
            if self.link is None:
                self.connect()
                continue
            rest = self.heartbeat()
            if self.link is None:
                continue
            try:
                if not self.link.stream.ready(rest if wait else 0):
                    if wait:
                        continue
                    return None
                if self.doomed():
                    self.cut(reset=True)
                    continue
                kind, body = self.link.record()
            except LOST:
                self.lost()
                continue
            found = self.chunk(body) if kind == CHUNK else self.control(*cbor2.loads(body))
            if found is not None:
                return found

    def chunk(self, body):
        item, entry, offset = struct.unpack_from(">IIQ", body)
        return CHUNK_CAME, (item, entry, offset, body[16:])

    def control(self, control, content):
        """Does what a control says; the message that it completes."""
        assert control not in (USE, USING), control
        if control == RECEIVED:
            self.acknowledge(content[0])
        elif control == CREDIT:
            for transfer in self.transfers:
                transfer.credited(content)
            return STATE_CAME, content
        elif control == PLACES:
            self.heard_places = content[0]
            return STATE_CAME, content
        elif control == FRAGMENT:
            assert content[0] <= self.expected, "a number was left out"
            if content[0] == self.expected:
                self.pieces += content[2]
                if content[1]:
                    return self.received()
        return None

    def received(self):
        kind, fields = cbor2.loads(self.pieces)
        self.pieces = b""
        self.expected += 1
        if kind == OFFER:
            self.owed.add(fields[0][0])
        elif kind == RESULT:
            self.open.discard(fields[0])
        self.tell([RECEIVED, {0: self.expected, 1: WINDOW}])
        return kind, fields

    def message(self, expected):
        """The next message, which is of this kind."""
        kind = STATE_CAME
        while kind == STATE_CAME:
            kind, fields = self.next()
        assert kind == expected, (kind, fields)
        return fields

    # How it ends (SPEC 5.5, 8.5).

    def leave(self, reason=DONE):
        self.say([LEAVE, {0: reason}])

    def close(self):
        """Closes once the other side has all that was said, and has closed."""
        while self.link is None or self.unacknowledged:
            if self.link is None:
                self.connect()
            try:
                kind, body = self.link.record()
            except LOST:
                self.lost()
            else:
                # Bytes and state may have crossed what was said; a message would be one too many.
                found = kind == CONTROL and self.control(*cbor2.loads(body)) or None
                assert found is None or found[0] == STATE_CAME, found
        self.link.stream.finish()
