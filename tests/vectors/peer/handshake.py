"""The handshakes of a code and of a link over any connection (SPEC 3), as host and as joiner."""

import secrets
from collections import namedtuple

from check import (ANSWER, CODE, CONFIRMATION, HELLO, HOST, JOINER, LINK, REFUSAL, code_context, committed, extract, frame, hello, keys,
                   link_context, message_1, message_2, sha256, split_hello, start, transcript)

Hello = namedtuple("Hello", "capabilities role purpose linked rest")
Made = namedtuple("Made", "keys capabilities hello nonce")


def read_hello(encoded):
    """SPEC 3.2: the fixed fields; `rest` is what only some sides say."""
    at = 2 + 2 * encoded[1]
    capabilities = int.from_bytes(encoded[at:at + 8], "big")
    return Hello(capabilities, encoded[at + 8], encoded[at + 25], encoded[at + 26], encoded[at + 27:])


def password(code):
    number, *words = code.split("-")
    return code_context(int(number)), "-".join(words).encode()


def derived(context, exchange, theirs, hellos, shares):
    digest = transcript(context, *hellos, *shares)
    return keys(extract(digest, exchange.finish(theirs)))


def offer(stream, secret, context, ours):
    """The host's part until the tag is judged: message 1, then message 2 of the joiner; whether its tag is right, the keys, its hello."""
    exchange, share = start(HOST, secret, context)
    first = message_1(ours, share)
    stream.send(first)
    kind, body = stream.frame()
    digest, (theirs, rest) = body[:32], split_hello(body[32:])
    share_joiner, tag = rest[:33], rest[33:]
    assert kind == ANSWER and digest == sha256(first[3:]).digest()
    made = derived(context, exchange, share_joiner, (ours, theirs), (share, share_joiner))
    return tag == made["confirm_joiner"], made, read_hello(theirs)


def answer(stream, body, secret, context, ours):
    """The joiner's message 2 to this message 1; the keys."""
    hello_host, share_host = split_hello(body)
    assert len(share_host) == 33
    exchange, share = start(JOINER, secret, context)
    made = derived(context, exchange, share_host, (hello_host, ours), (share_host, share))
    stream.send(message_2(body, ours, share, made["confirm_joiner"]))
    return made


def confirmed(stream, made):
    """Whether the host confirms; not if it says that the code is wrong."""
    kind, body = stream.frame()
    if kind == REFUSAL:
        return False
    assert (kind, body) == (CONFIRMATION, made["confirm_host"])
    return True


def host_code(stream, code, capabilities=0):
    """The handshake with a code as its host, up to message 3; nothing if the joiner's tag is wrong, which it is told."""
    context, words = password(code)
    nonce = secrets.token_bytes(32)
    # A host that says no number of words is as good; here that is one without capabilities.
    count = len(words.split(b"-")) if capabilities else None
    ours = hello(HOST, CODE, secrets.token_bytes(16), capabilities=capabilities, commitment=committed(nonce), words=count)
    right, made, theirs = offer(stream, words, context, ours)
    if not right:
        stream.send(frame(REFUSAL, b""))
        stream.connection.close()
        return None
    assert (theirs.role, theirs.purpose, theirs.linked) == (JOINER, CODE, 0), theirs
    stream.confirm()
    return Made(made, capabilities & theirs.capabilities, theirs, nonce)


def join_code(stream, code, capabilities=0):
    """The handshake with a code as its joiner, up to message 2."""
    context, words = password(code)
    kind, body = stream.frame()
    theirs = read_hello(split_hello(body)[0])
    assert kind == HELLO and theirs[1:4] == (HOST, CODE, 0) and theirs.rest[32] == len(words.split(b"-")), theirs
    made = answer(stream, body, words, context, hello(JOINER, CODE, secrets.token_bytes(16), capabilities=capabilities))
    return Made(made, capabilities & theirs.capabilities, theirs, None)


def of_no_account():
    """Capabilities that a link's hello says: those of the code's handshake hold (SPEC 3.2)."""
    return secrets.choice((0, 7))


def host_link(stream, resume, conversation, index):
    """The handshake of a link as host, up to message 3; nothing if the tag is wrong (SPEC 3.9)."""
    ours = hello(HOST, LINK, secrets.token_bytes(16), capabilities=of_no_account(), index=index)
    right, made, theirs = offer(stream, resume, link_context(conversation, index), ours)
    assert (theirs.role, theirs.purpose) == (JOINER, LINK), theirs
    return Made(made, None, theirs, None) if right else None


def join_link(stream, resume, conversation, had, linked):
    """The handshake of a link as joiner; the index and the keys, or nothing for an index that has been had."""
    kind, body = stream.frame()
    theirs = read_hello(split_hello(body)[0])
    index = int.from_bytes(theirs.rest[:4], "big")
    assert kind == HELLO and theirs[1:4] == (HOST, LINK, 0) and index not in had, (theirs, had)
    ours = hello(JOINER, LINK, secrets.token_bytes(16), capabilities=of_no_account(), linked=linked)
    made = answer(stream, body, resume, link_context(conversation, index), ours)
    assert confirmed(stream, made)
    return index, made
