"""A mock node as the tests see it: its model, its counters, its rules."""

import os
import time

import httpx2

_http = httpx2.Client(timeout=5, trust_env=False)

COUNTERS = ("requests", "in_flight", "completed", "aborted", "faulted",
            "errors", "streams")


class Node:
    """A node; model is the name by which the router finds it."""

    def __init__(self, url, model):
        self.url = url
        self.model = model

    def set(self, text):
        """Makes the node behave; see build/mock_node --help."""
        reply = _http.post(self.url + "/mock/set", content=text)
        assert reply.status_code == 200, reply.text

    def stats(self):
        return _http.get(self.url + "/mock/stats").json()

    def last(self):
        """Head and body of the last request, as the node received it."""
        head, _, body = _http.get(self.url + "/mock/last").content.partition(
            b"\r\n\r\n")
        return head.decode(), body

    def wait(self, seconds=5, **wanted):
        """Waits until the counters are as wanted."""
        end = time.monotonic() + seconds

        while True:
            stats = self.stats()
            if all(stats[name] == n for name, n in wanted.items()):
                return stats
            if time.monotonic() > end:
                seen = {name: stats[name] for name in COUNTERS}
                raise AssertionError(f"wanted {wanted}, node says {seen}")
            time.sleep(0.01)

    def direct(self, path, body, headers=None):
        """What the node itself answers, without the router."""
        return _http.post(self.url + path, json=body, headers=headers)


def pairs():
    """Pairs of nodes with one model, for one test each."""
    ports = os.environ["SDK_OVER"].split()

    return [tuple(Node(f"http://127.0.0.1:{port}", f"over-{i // 2 + 1}")
                  for port in ports[i:i + 2])
            for i in range(0, len(ports), 2)]


def fresh_nodes():
    """The nodes for one test each."""
    ports = os.environ["SDK_PY"].split()

    return [Node(f"http://127.0.0.1:{port}", f"py-{i}")
            for i, port in enumerate(ports, 1)]
