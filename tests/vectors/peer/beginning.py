"""How conversations with the program begin: Python hosts or joins, directly or at a relay.

Each starts a command of the program, which takes the code last if Python is the host, and gives its process and the conversation, whose
next links are made in the way of the first. The first may be lost with message 3 on its way (`tag`), or before a greeting.
"""

import socket

from check import HOST, JOINER, message_3

from . import direct, relay
from .conversation import Conversation
from .handshake import confirmed, host_code, join_code
from .program import PATIENCE, announced, nameplate, new_code, program

LOOPBACK = "127.0.0.1"
TAG, GREETING = "tag", "greeting"


def at(port):
    return () if port is None else ("--relay", f"ws://{LOOPBACK}:{port}")


def host(stream, code, want, cut, kind=Conversation):
    made = host_code(stream, code, kind.capabilities)
    if cut != TAG:
        stream.send(message_3(made.keys["confirm_host"]))
    return begun(kind(HOST, code, made, want), made, stream, cut)


def join(stream, code, want, cut, kind=Conversation):
    made = join_code(stream, code, kind.capabilities)
    # What is there to be read is message 3: an attempt that is cut before it may not have been looked at (SPEC 3.7).
    assert stream.ready(PATIENCE) if cut == TAG else confirmed(stream, made.keys)
    return begun(kind(JOINER, code, made, want), made, stream, cut)


def begun(conversation, made, stream, cut):
    if cut is None:
        conversation.first_link(stream, made.keys)
    else:
        stream.cut()
    return conversation


def hosts(home, command, want, cut=None, kind=Conversation, **options):
    listener = socket.create_server((LOOPBACK, 0))
    code = new_code(listener.getsockname()[1])
    process = program(home, *command, code, **options)
    conversation = host(direct.answered(listener), code, want, cut, kind)
    conversation.way = conversation.answering(listener)
    return process, conversation


def joins(home, command, want, cut=None, kind=Conversation, **options):
    process = program(home, *command, **options)
    code = announced(process)
    address = (LOOPBACK, nameplate(code))
    conversation = join(direct.dial(address), code, want, cut, kind)
    conversation.way = conversation.dialling(address)
    return process, conversation


def hosts_at(port):
    def hosts_at_relay(home, command, want, cut=None):
        met, number = relay.new_number(port)
        code = new_code(number)
        process = program(home, *command, code, *at(port))
        conversation = host(met, code, want, cut)
        conversation.way = conversation.meeting(port)
        return process, conversation
    return hosts_at_relay


def joins_at(port):
    def joins_at_relay(home, command, want, cut=None):
        process = program(home, *command, *at(port))
        code = announced(process)
        conversation = join(relay.join_number(port, nameplate(code)), code, want, cut)
        conversation.way = conversation.meeting(port)
        return process, conversation
    return joins_at_relay
