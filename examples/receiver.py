#!/usr/bin/env python3
"""What stands at the other end of a webhook: checks the signature, does its work once for each `webhook-id`, answers.

LEADHOOK_SECRET=whsec_... python3 receiver.py 127.0.0.1:8080
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

LIMIT = 16 << 20  # leadhook reads leads of up to 8 MiB; an event is a little more

secret = os.environ.get("LEADHOOK_SECRET") or sys.exit("LEADHOOK_SECRET must hold the destination's secret")
try:
    webhook = Webhook(secret)
except Exception:  # the library lets base64's own errors through
    sys.exit("LEADHOOK_SECRET must be whsec_ and base64")
# The ids already worked on. In a real receiver: a unique column, written in one transaction with the work itself.
seen: set[str] = set()
lock = threading.Lock()


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open
    timeout = 60

    def do_POST(self) -> None:
        """2xx: done, never sent again. Anything else, or no answer: it may come again, with the same id."""
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            return self.answer(411, close=True)
        if int(length) > LIMIT:
            return self.answer(413, close=True)
        body = self.rfile.read(int(length))
        try:
            # Over the bytes as they came: parsed and written again, the body would be another one.
            webhook.verify(body, dict(self.headers.items()), json_parse=False)
        except (WebhookVerificationError, ValueError):  # ValueError: headers that are no signature at all
            return self.answer(401)
        try:
            event = json.loads(body)
            data = event.get("data") or {}
            line = [event.get("type") or "?", data.get("weclever_lead_id"), data.get("mapped_status")]
        except (ValueError, AttributeError):
            return self.answer(400)
        event_id = self.headers["webhook-id"]
        with lock:
            if event_id not in seen:
                lead, status = (json.dumps(value, ensure_ascii=False) for value in line[1:])
                print(f"{line[0]} lead={lead} status={status}", flush=True)
                seen.add(event_id)  # after the work: an id marked before would be lost with a crash in between
        self.answer(204)

    def answer(self, status: int, close: bool = False) -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("content-length", "0")
        if close:
            self.send_header("connection", "close")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Only events are printed."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # connections that wait; the library's own 5 are few


host, _, port = (sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8080").rpartition(":")
if not (host and port.isdigit()):
    sys.exit("usage: receiver.py [HOST:PORT]")
with Server((host, int(port)), Receiver) as server:
    print("listening on http://{}:{}".format(*server.server_address[:2]), flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
