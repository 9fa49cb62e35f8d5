"""Benchmarks of what changes while serving: keys, nodes, lists, the state
file.  Each compares two nginx of one run, with much of it and with little."""

import hashlib
import http.client
import json
import os
import subprocess
import threading
import time
from statistics import median

from client import KEY, SDK_HEADERS, chat, request
from servers import OUT, Mock, Nginx, functions

NODES = 10000
KEYS = 100000
ZONE = '256m'


def key(i):
    return f'sk-bench-{i:08d}-0123456789abcdef0123456789'


def state(nodes=(), keys=0, others=0):
    """A state file with nodes at these ports, others that have another model,
    and so many keys."""

    nodes = [(port, 'mock') for port in nodes]
    nodes += [(20000 + i, 'other') for i in range(others)]

    return json.dumps({
        'version': 1, 'epoch': 1, 'pid': 1, 'written': '2026-01-01T00:00:00Z',
        'totals': {},
        'nodes': [{'id': f'node-{i + 1:016x}', 'name': f'n{i}',
                   'base_url': f'http://127.0.0.1:{port}', 'models': [model],
                   'check': False} for i, (port, model) in enumerate(nodes)],
        'keys': [{'id': f'key-{i + 1:016x}', 'name': f'k{i}',
                  'sha256': hashlib.sha256(key(i).encode()).hexdigest(),
                  'scopes': ['inference']} for i in range(keys)],
        'static_nodes': [], 'static_keys': [], 'end': True})


def ask(port, method, path, body=None):
    """One request of the admin API on a connection of its own."""

    con = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
    con.request(method, path, body and json.dumps(body),
                {'Authorization': 'Bearer ' + KEY})
    answer = con.getresponse()
    data = answer.read()
    con.close()
    if answer.status // 100 != 2:
        raise OSError(f'{method} {path}: {answer.status} {data[:300]}')
    return json.loads(data) if data else None


def lua(path, keys):
    """Requests for wrk, each with another of so many keys."""

    headers = '\n'.join(f'wrk.headers["{name}"] = "{value}"'
                        for name, value in SDK_HEADERS
                        if name not in ('Connection', 'Authorization'))
    with open(path, 'w') as out:
        out.write(f'''wrk.method = "POST"
{headers}
wrk.body = [=[{chat().decode()}]=]
local n = 12345
request = function()
    n = (n * 1103515245 + 12345) % 2147483648
    wrk.headers["Authorization"] = string.format(
        "Bearer sk-bench-%08d-0123456789abcdef0123456789",
        math.floor(n / 7) % {keys})
    return wrk.format()
end
''')


def part_keys(compare):
    """Clients of 100,000 keys, and of 10: within 1.05 of the time.  The ratio
    of one start differs from that of the next by as much, so that many are
    measured."""

    mock = Mock()
    sides = (KEYS, 10)
    scripts, texts = {}, {}
    for n in sides:
        scripts[n] = f'{OUT}/keys{n}.lua'
        texts[n] = state(mock.ports, n)
        lua(scripts[n], n)

    def renew(old):
        for one in old.values():
            one.stop()
        return {n: Nginx('admin', mock.ports, zone=ZONE, name=f'keys{n}',
                         state=texts[n]) for n in sides}

    nginx = compare(f'requests a second, {KEYS:,} keys, 10 keys',
                    ('>=', 1 / 1.05), renew({}), [mock.proc], count=36,
                    cpu_goal=('<=', 1.05), scripts=scripts, renew=renew)
    for n in sides:
        nginx[n].stop()
    mock.stop()


def part_changes(row, wrk, per_call, script):
    """What 100 changes a second among 10,000 nodes take of a worker's event
    loop: in instructions, of those it spends in a second of serving as fast as
    it can.  (No clock tells 2 % from the noise of a machine that others use.)
    The state file is written by a thread of its own, once in 0.7 s."""

    mock = Mock(8)
    text = state(mock.ports, others=NODES - 8)
    made = 0

    def ask(client):
        client.ask(request(client.port, chat()))

    def change(client):
        nonlocal made
        made += 1
        body = '{"weight":%d}' % (2 + made % 3)
        client.ask((f'PATCH /api/nodes/node-{made * 79 % NODES + 1:016x} '
                    f'HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n'
                    f'Authorization: Bearer {KEY}\r\n'
                    f'Content-Length: {len(body)}\r\n\r\n{body}').encode())

    def in_loop(call, name, many):
        _, (low, high, times) = per_call('admin', mock, call, name, many=many,
                                         zone=ZONE, state=text)
        low, high = (functions(path)['ngx_single_process_cycle'][1]
                     for path in (low, high))
        return (high - low) / times

    asked = in_loop(ask, 'asked', 1050)
    changed = in_loop(change, 'changed', 250)
    nginx = Nginx('admin', mock.ports, zone=ZONE, state=text)
    rate = median(wrk(nginx.port, script, 1) for _ in range(9))
    nginx.stop()
    mock.stop()
    part = 100 * changed / (rate * asked)
    row('100 changes a second, of 2 % of a worker', ('<=', 1.00), part / 0.02,
        part * 100, 2, '%', 2)
    row('  a change, a request', None, changed / asked, changed, asked,
        'instr')


class Pinger(threading.Thread):
    """Asks the worker for nothing all the time: the longest wait."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.ended, self.times = port, False, []

    def run(self):
        con = http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)
        while not self.ended:
            start = time.perf_counter()
            con.request('GET', '/ping')
            con.getresponse().read()
            self.times.append(time.perf_counter() - start)

    def stop(self):
        self.ended = True
        self.join()


def part_list(row, times=15):
    """How long a list of 10,000 nodes keeps other requests of the worker
    waiting: the longest wait during a list.  What else runs on the machine
    only adds to it, so that the quietest of some lists counts."""

    mock = Mock(1)
    nginx = Nginx('admin', mock.ports, zone=ZONE, name='list',
                  state=state(others=NODES))
    worst, whole, without = [], [], []
    curl = ['curl', '-s', '-f', '-o', '/dev/null', '-H',
            'Authorization: Bearer ' + KEY,
            f'http://127.0.0.1:{nginx.port}/api/nodes?limit={NODES}']
    for _ in range(times):
        for lists, got in ((1, worst), (0, without)):
            pinger = Pinger(nginx.port)
            pinger.start()
            start = time.perf_counter()
            if lists:
                subprocess.run(curl, check=True)
                whole.append((time.perf_counter() - start) * 1000)
            else:
                time.sleep(whole[-1] / 1000)
            pinger.stop()
            got.append(max(pinger.times) * 1000)
    row(f'longest wait during a list of {NODES:,} nodes, of 5 ms',
        ('<=', 1.00), min(worst) / 5, min(worst), 5, 'ms', 2)
    row('  the median of the lists, and with no list', None,
        median(worst) / median(without), median(worst), median(without),
        'ms', 2)
    row('  the whole list', None, 1, median(whole), median(whole), 'ms', 1)
    nginx.stop()
    mock.stop()


def part_start(row, times=5):
    """From the start of nginx until it listens."""

    mock = Mock()
    text = state(keys=KEYS, others=NODES)
    sizes, little, much = f'{NODES:,} nodes and {KEYS:,} keys', [], []
    for _ in range(times):
        for got, what in ((much, text), (little, state())):
            start = time.perf_counter()
            nginx = Nginx('admin', mock.ports, zone=ZONE, name='start',
                          state=what)
            got.append(time.perf_counter() - start)
            nginx.stop()
    row(f'start with {sizes}, of 2 s', ('<=', 1.00), median(much) / 2,
        median(much), 2, 's', 2)
    row('  an empty one, of 2 s', None, median(little) / 2, median(little), 2,
        's', 2)
    print(f'    the state file: {len(text) / 1e6:.1f} MB')
    os.remove(f'{nginx.root}/state.json')
    mock.stop()
