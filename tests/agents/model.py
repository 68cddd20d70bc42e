"""A scripted model for real agent clients, on loopback.

It speaks the Anthropic Messages API and the OpenAI Responses API, as far as Claude Code and Codex use them. The first part of a
request's path names the actor that answers: `http://127.0.0.1:PORT/both-ways.host`. An actor is a generator that yields what the model
says next and is sent what the client made of it (`Said`). Every request is written down whole.
"""

import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import lines


class Call:
    """A tool that the model calls."""

    def __init__(self, tool, arguments):
        self.tool, self.arguments = tool, arguments


class Said:
    """What a client has told its model since the model spoke last."""

    def __init__(self, body):
        new = list(parts(body, since_last_answer=True))
        self.body = body
        self.results = [text for kind, text in new if kind == "result"]
        self.prompts = "\n".join(text for kind, text in new if kind != "result")
        self.text = "\n".join(text for _, text in new)

    def lines(self):
        """The lines of pinhole in the results of tools."""
        return [line for result in self.results for line in lines.found(result)]

    def find(self, **fields):
        """The first object in the results of tools that has these fields, `...` for any value: a line of pinhole, or what one of its
        tools returned."""
        return lines.find([value for result in self.results for value in lines.objects(result)], **fields)


def parts(body, since_last_answer=False):
    """The kind and text of everything in a request: `result` of a tool, `answer` of the model, or `prompt`."""
    messages = body.get("messages") if "messages" in body else body.get("input")
    messages = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages or []
    begin = 0
    if since_last_answer:
        begin = max((at + 1 for at, message in enumerate(messages) if is_answer(message)), default=0)
    else:
        for name, value in body.items():
            if name not in ("messages", "input"):
                yield "prompt", text_of(value)
    for message in messages[begin:]:
        if message.get("type") in ("function_call_output", "custom_tool_call_output"):
            yield "result", text_of(message.get("output"))
        elif is_answer(message):
            yield "answer", json.dumps(message, ensure_ascii=False)
        else:
            content = message.get("content")
            for block in [{"type": "text", "text": content}] if isinstance(content, str) else content or []:
                if block.get("type") == "tool_result":
                    yield "result", text_of(block.get("content"))
                else:
                    yield "prompt", text_of(block.get("text", block))


def is_answer(message):
    return message.get("role") == "assistant" or message.get("type", "message") in ("function_call", "custom_tool_call", "reasoning")


def text_of(value):
    """The texts in a value; anything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(text_of(item) for item in value)
    if isinstance(value, dict) and isinstance(value.get("text"), str):
        return value["text"]
    return json.dumps(value, ensure_ascii=False)


class Actor:
    """One client's model: a script, and where its requests are written down."""

    def __init__(self, name, script, agent, log):
        self.name, self.script, self.agent, self.log = name, script, agent, log
        self.steps, self.over, self.failure = None, False, None
        self.given, self.lock = {}, threading.Lock()

    def answer(self, body, key):
        """What the model says to this request. A request that is sent again gets the same answer."""
        with self.lock:
            if key not in self.given:
                self.given[key] = self.step(Said(body))
            return self.given[key]

    def step(self, said):
        self.agent.seen(said)
        try:
            if self.steps is None:
                self.agent.first, self.steps = said, self.script(self.agent)
                answer = next(self.steps)
            elif self.over:
                answer = "The script is over."
            else:
                answer = self.steps.send(said)
        except StopIteration as end:
            self.over, answer = True, end.value or "That is all."
        except Exception as failure:  # It is raised where the scenario waits for the client.
            self.over, self.failure, answer = True, failure, "The script has failed."
        return answer if isinstance(answer, list) else [answer]

    def write(self, entry):
        with self.lock, open(self.log, "a") as log:
            log.write(json.dumps(entry) + "\n")


class Model:
    """The server of all actors."""

    def __init__(self):
        self.actors, self.strangers = {}, []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Request,), {"model": self}))
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, actor):
        self.actors[actor.name] = actor
        return f"http://127.0.0.1:{self.port}/{actor.name}"


class Request(BaseHTTPRequestHandler):
    """One request of a client."""

    protocol_version = "HTTP/1.1"
    model = None

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.reply({})

    def do_GET(self):
        self.reply({"object": "list", "data": [{"id": "scripted", "object": "model"}]})

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.split("?")[0]
        actor = self.model.actors.get(path.split("/")[1])
        if actor is None:
            self.model.strangers.append(path)
            return self.reply({"error": "nobody of that name"}, 404)
        try:
            body = json.loads(raw)
        except ValueError:
            actor.failure = actor.failure or ValueError(f"a request that is no JSON, in {self.headers.get('content-encoding')}")
            return self.reply({"error": "this is no JSON"}, 400)
        actor.write({"time": time.time(), "path": self.path, "headers": dict(self.headers), "body": body})
        try:
            if path.endswith("/count_tokens"):
                self.reply({"input_tokens": len(raw) // 4})
            elif path.endswith("/messages"):
                self.as_anthropic(actor, body)
            elif path.endswith("/responses"):
                self.as_openai(actor, body)
            else:
                self.reply({})
        except (BrokenPipeError, ConnectionResetError):
            pass  # The client has been killed meanwhile: that is what some scenarios are for.
        except Exception as failure:
            actor.failure = actor.failure or failure
            raise

    def says(self, actor, body, messages):
        """The answer to a turn; to what a client asks beside it, without tools, a title that says nothing."""
        if not any(tool.get("name") in ("Bash", "exec_command", "shell") for tool in body.get("tools") or []):
            return ['{"title": "A title"}']
        answer = actor.answer(body, (len(messages), json.dumps(messages[-1:])))
        actor.write({"time": time.time(), "answer": [part if isinstance(part, str) else {part.tool: part.arguments} for part in answer]})
        return answer

    def as_anthropic(self, actor, body):
        content = [
            (
                {"type": "text", "text": part}
                if isinstance(part, str)
                else {"type": "tool_use", "id": f"toolu_{uuid.uuid4().hex[:24]}", "name": part.tool, "input": part.arguments}
            )
            for part in self.says(actor, body, body.get("messages") or [])
        ]
        stop = "tool_use" if any(block["type"] == "tool_use" for block in content) else "end_turn"
        message = {
            "id": f"msg_{uuid.uuid4().hex[:24]}",
            "type": "message",
            "role": "assistant",
            "model": body.get("model"),
            "content": content,
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        if not body.get("stream"):
            return self.reply(message)
        events = [{"type": "message_start", "message": message | {"content": [], "stop_reason": None}}]
        for index, block in enumerate(content):
            if block["type"] == "text":
                empty, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": block["text"]}
            else:
                empty, delta = block | {"input": {}}, {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            events.append({"type": "content_block_start", "index": index, "content_block": empty})
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
            events.append({"type": "content_block_stop", "index": index})
        events.append({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 1}})
        self.stream(events + [{"type": "message_stop"}])

    def as_openai(self, actor, body):
        items = []
        for part in self.says(actor, body, body.get("input") or []):
            if isinstance(part, str):
                content = [{"type": "output_text", "text": part, "annotations": []}]
                items.append(
                    {"type": "message", "id": f"msg_{uuid.uuid4().hex}", "role": "assistant", "status": "completed", "content": content}
                )
            else:
                *space, name = part.tool.split("::")
                item = {"type": "function_call", "id": f"fc_{uuid.uuid4().hex}", "call_id": f"call_{uuid.uuid4().hex}", "name": name}
                items.append(
                    item | {"arguments": json.dumps(part.arguments), "status": "completed"} | ({"namespace": space[0]} if space else {})
                )
        usage = {"input_tokens": 1, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 1, "total_tokens": 2}
        usage["output_tokens_details"] = {"reasoning_tokens": 0}
        response = {"id": f"resp_{uuid.uuid4().hex}", "object": "response", "status": "completed", "output": items, "usage": usage}
        if not body.get("stream"):
            return self.reply(response)
        events = [{"type": "response.created", "response": response | {"status": "in_progress", "output": []}}]
        events += [{"type": "response.output_item.done", "output_index": index, "item": item} for index, item in enumerate(items)]
        self.stream(events + [{"type": "response.completed", "response": response}])

    def reply(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def stream(self, events):
        self.close_connection = True
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events))
