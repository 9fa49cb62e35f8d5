"""The client of the benchmarks: requests as OpenAI's Python SDK sends them,
over a connection that is kept, answers read whole."""

import json
import selectors
import socket
import time

KEY = 'sk-bench-0123456789abcdef0123456789abcdef'

SDK_HEADERS = (
    ('Accept-Encoding', 'gzip, deflate'),
    ('Connection', 'keep-alive'),
    ('Accept', 'application/json'),
    ('Content-Type', 'application/json'),
    ('User-Agent', 'OpenAI/Python 1.99.9'),
    ('X-Stainless-Lang', 'python'),
    ('X-Stainless-Package-Version', '1.99.9'),
    ('X-Stainless-OS', 'Linux'),
    ('X-Stainless-Arch', 'x64'),
    ('X-Stainless-Runtime', 'CPython'),
    ('X-Stainless-Runtime-Version', '3.11.2'),
    ('Authorization', 'Bearer ' + KEY),
    ('X-Stainless-Async', 'false'),
    ('x-stainless-retry-count', '0'),
    ('x-stainless-read-timeout', '600'),
)

TEXTS = (
    'You are a helpful assistant.\nAnswer in "plain" words.\n',
    'What does a load balancer do?',
    'It spreads requests over several servers.\n',
    'And what is the difference between a reverse proxy and a router?\n',
)


def chat(size=1024, stream=False, model='mock'):
    """A chat request of so many bytes: 24 strings, the last text is long."""

    roles = ('system', 'user', 'assistant', 'user')
    body = {
        'model': model,
        'messages': [{'role': r, 'content': t} for r, t in zip(roles, TEXTS)],
        'temperature': 0.7,
        'max_tokens': 256,
        'user': 'bench',
        'stream': stream,
    }
    words = 'lorem ipsum dolor sit amet consectetur adipiscing elit\n'
    last = body['messages'][-1]
    room = size - len(json.dumps(body, separators=(',', ':')))
    escaped = len(words) + 1
    last['content'] += words * (room // escaped) + 'x' * (room % escaped)
    text = json.dumps(body, separators=(',', ':')).encode()
    assert len(text) == size and text.count(b'"') - text.count(b'\\"') == 48
    return text


def request(port, body, more=()):
    """Head and body of a POST."""

    lines = ['POST /v1/chat/completions HTTP/1.1', f'Host: 127.0.0.1:{port}']
    lines += [f'{name}: {value}' for name, value in (*SDK_HEADERS, *more)]
    lines.append(f'Content-Length: {len(body)}')
    return ('\r\n'.join(lines) + '\r\n\r\n').encode() + body


class Client:
    """One connection.  ask() sends a request and reads the whole answer."""

    def __init__(self, port):
        self.port = port
        self.sock = socket.create_connection(('127.0.0.1', port), 120)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buf = b''
        self.chunks = 0         # of the last answer
        self.first = 0.0        # seconds to the first byte of its body

    def close(self):
        self.sock.close()

    def fill(self):
        data = self.sock.recv(1 << 20)
        if not data:
            raise OSError('the connection was closed')
        self.buf += data

    def until(self, mark):
        while mark not in self.buf:
            self.fill()
        text, _, self.buf = self.buf.partition(mark)
        return text

    def exactly(self, size):
        if len(self.buf) < size:
            parts, got = [self.buf], len(self.buf)
            while got < size:
                data = self.sock.recv(1 << 20)
                if not data:
                    raise OSError('the connection was closed')
                parts.append(data)
                got += len(data)
            self.buf = b''.join(parts)
        data, self.buf = self.buf[:size], self.buf[size:]
        return data

    def ask(self, text):
        """Returns the answer's body; anything but a 200 is an error."""

        start = time.perf_counter()
        self.sock.sendall(text)
        head = self.until(b'\r\n\r\n').decode('latin-1').lower()
        self.first = 0.0
        if ' 200 ' not in head.split('\r\n')[0]:
            raise OSError('answered ' + head + repr(self.buf[:300]))
        length = [line[15:] for line in head.split('\r\n')
                  if line.startswith('content-length:')]
        if length:
            if not self.buf:
                self.fill()
            self.first = time.perf_counter() - start
            return self.exactly(int(length[0]))
        return self.chunked(start)

    def chunked(self, start):
        body, self.chunks = [], 0
        while True:
            size = int(self.until(b'\r\n'), 16)
            if not self.first:
                self.first = time.perf_counter() - start
            data = self.exactly(size + 2)[:-2]
            if not data:
                return b''.join(body)
            self.chunks += 1
            body.append(data)


def hold_streams(port, count, text, deadline=120, limit=200):
    """Opens so many streams; returns their sockets once each has sent its
    first event.  At most limit of them wait for it at once."""

    sel = selectors.DefaultSelector()
    started, waiting, live = 0, {}, []
    end = time.monotonic() + deadline
    while len(live) < count:
        if time.monotonic() > end:
            raise OSError(f'only {len(live)} of {count} streams came')
        while started < count and len(waiting) < limit:
            sock = socket.create_connection(('127.0.0.1', port), 10)
            sock.sendall(text)
            sel.register(sock, selectors.EVENT_READ)
            waiting[sock] = b''
            started += 1
        for key, _ in sel.select(1):
            sock = key.fileobj
            data = sock.recv(65536)
            if not data:
                raise OSError('a stream was closed')
            waiting[sock] += data
            if b'"content":"Hello' in waiting[sock]:
                sel.unregister(sock)
                del waiting[sock]
                live.append(sock)
            elif b' 200 ' not in waiting[sock][:15]:
                raise OSError('answered ' + repr(waiting[sock][:300]))
    sel.close()
    return live
