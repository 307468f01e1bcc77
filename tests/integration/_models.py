"""A server on 127.0.0.1 that speaks like those of models: Chat Completions and Anthropic Messages,
streaming and not, and lists of models.

    with ModelServer() as server:
        server.answers.append(Answer(text="Hello."))         the next request gets it
        … server.url … server.requests …

Without an answer in the queue it echoes the last message. Nothing waits for time to pass: an answer
with `hold` stops in its middle until server.go_on() or until the client is gone.
"""

import http.server
import json
import threading
from dataclasses import dataclass, field


@dataclass
class Answer:
    text: str = ""
    tool_calls: list = field(default_factory=list)  # (name, arguments)
    status: int = 200
    body: str = None  # of another status, or instead of an answer
    content_type: str = "application/json"
    hold: bool = False
    usage: tuple = (11, 7)  # input, output


def pieces(text):
    """The text in three parts at most, none of them empty."""
    size = max(1, (len(text) + 2) // 3)
    return [text[at:at + size] for at in range(0, len(text), size)]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def send(self, status, body, content_type="application/json"):
        body = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        owner = self.server.owner
        owner.note(self, None)
        status, body = owner.models.get(self.path, (404, '{"error": {"message": "no such page"}}'))
        self.send(status, body if isinstance(body, str) else json.dumps(body))

    def do_POST(self):
        owner = self.server.owner
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        owner.note(self, request)
        answer = owner.next_answer(request)
        if answer.body is not None or answer.status != 200:
            self.send(answer.status, answer.body or "{}", answer.content_type)
            return
        is_anthropic = self.path.endswith("/messages")
        if not request.get("stream"):
            self.send(200, json.dumps(anthropic_whole(answer) if is_anthropic
                                      else openai_whole(answer)))
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for number, event in enumerate((anthropic_events if is_anthropic
                                            else openai_events)(answer)):
                if answer.hold and number == 3:
                    owner.is_holding.set()
                    owner.may_go_on.wait(60)
                self.wfile.write(event.encode())
                self.wfile.flush()
        except OSError:
            owner.is_cut.set()


def openai_whole(answer):
    message = {"role": "assistant", "content": answer.text}
    if answer.tool_calls:
        message["tool_calls"] = [{"id": f"call_{i}", "type": "function", "function": {
            "name": name, "arguments": json.dumps(arguments)}}
            for i, (name, arguments) in enumerate(answer.tool_calls)]
    return {"id": "chatcmpl-1", "object": "chat.completion", "model": "served",
            "choices": [{"index": 0, "message": message,
                         "finish_reason": "tool_calls" if answer.tool_calls else "stop"}],
            "usage": {"prompt_tokens": answer.usage[0], "completion_tokens": answer.usage[1]}}


def openai_events(answer):
    def chunk(**members):
        return "data: " + json.dumps({"id": "chatcmpl-1", "object": "chat.completion.chunk",
                                      "model": "served", "choices": [], **members}) + "\n\n"

    def choice(delta, finish=None):
        return chunk(choices=[{"index": 0, "delta": delta, "finish_reason": finish}])

    yield choice({"role": "assistant", "content": ""})
    for piece in pieces(answer.text):
        yield choice({"content": piece})
    for number, (name, arguments) in enumerate(answer.tool_calls):
        yield choice({"tool_calls": [{"index": number, "id": f"call_{number}", "type": "function",
                                      "function": {"name": name, "arguments": ""}}]})
        yield choice({"tool_calls": [{"index": number,
                                      "function": {"arguments": json.dumps(arguments)}}]})
    yield choice({}, "tool_calls" if answer.tool_calls else "stop")
    yield chunk(usage={"prompt_tokens": answer.usage[0], "completion_tokens": answer.usage[1]})
    yield "data: [DONE]\n\n"


def anthropic_whole(answer):
    content = [{"type": "text", "text": answer.text}] if answer.text else []
    content += [{"type": "tool_use", "id": f"toolu_{i}", "name": name, "input": arguments}
                for i, (name, arguments) in enumerate(answer.tool_calls)]
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "served",
            "content": content, "stop_reason": "tool_use" if answer.tool_calls else "end_turn",
            "usage": {"input_tokens": answer.usage[0], "output_tokens": answer.usage[1]}}


def anthropic_events(answer):
    def event(kind, **members):
        return f"event: {kind}\ndata: " + json.dumps({"type": kind, **members}) + "\n\n"

    yield event("message_start", message={**anthropic_whole(Answer()), "content": [],
                                          "stop_reason": None,
                                          "usage": {"input_tokens": answer.usage[0],
                                                    "output_tokens": 1}})
    index = 0
    if answer.text:
        yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        for piece in pieces(answer.text):
            yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
        yield event("content_block_stop", index=0)
        index = 1
    for name, arguments in answer.tool_calls:
        yield event("content_block_start", index=index, content_block={
            "type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}})
        yield event("content_block_delta", index=index, delta={
            "type": "input_json_delta", "partial_json": json.dumps(arguments)})
        yield event("content_block_stop", index=index)
        index += 1
    yield event("message_delta", delta={"stop_reason": "tool_use" if answer.tool_calls
                                        else "end_turn"},
                usage={"output_tokens": answer.usage[1]})
    yield event("message_stop")


def last_text(request):
    """The text of the last message, whatever the format."""
    content = request["messages"][-1]["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "")
                                                            for part in content)


class ModelServer:
    def __init__(self):
        self.answers, self.requests, self.models = [], [], {}
        self.is_holding, self.may_go_on = threading.Event(), threading.Event()
        self.is_cut = threading.Event()
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.owner = self
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.may_go_on.set()
        self.http.shutdown()
        self.http.server_close()

    def note(self, handler, request):
        self.requests.append({"path": handler.path, "body": request,
                              "headers": {key.lower(): value
                                          for key, value in handler.headers.items()}})

    def next_answer(self, request):
        return self.answers.pop(0) if self.answers else Answer(text=last_text(request))

    def go_on(self):
        self.may_go_on.set()
