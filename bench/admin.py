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

from client import KEY, SDK_HEADERS, chat
from servers import OUT, Mock, Nginx

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


def rounds(sides, measure, times):
    """Medians of measure(side), by turns, and that of their ratios to the
    second side."""

    got = {side: [] for side in sides}
    for i in range(times + 1):
        for side in sides if i % 2 else reversed(sides):
            value = measure(side)
            if i > 0:
                got[side].append(value)
    first, second = sides
    return (median(a / b for a, b in zip(got[first], got[second])),
            median(got[first]), median(got[second]))


def part_keys(row, wrk):
    """Clients of 100,000 keys, and of 10: requests a second."""

    mock = Mock()
    sides = (KEYS, 10)
    nginx, scripts = {}, {}
    for n in sides:
        nginx[n] = Nginx('admin', mock.ports, zone=ZONE, name=f'keys{n}',
                         state=state(mock.ports, n))
        scripts[n] = f'{OUT}/keys{n}.lua'
        lua(scripts[n], n)
    ratio, many, few = rounds(
        sides, lambda n: wrk(nginx[n].port, scripts[n], 1), 16)
    row(f'time a request, {KEYS:,} keys, 10 keys', ('<=', 1.05), 1 / ratio,
        1e6 / many, 1e6 / few, 'us', 1)
    for n in sides:
        nginx[n].stop()
    mock.stop()


class Changer(threading.Thread):
    """An admin who changes a node so many times a second.  The next one goes
    on where this one ended, so that each change changes something."""

    made = 0

    def __init__(self, port, nodes, rate):
        super().__init__(daemon=True)
        self.port, self.nodes, self.rate = port, nodes, rate
        self.changes, self.ended = 0, False

    def run(self):
        con = http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)
        start = time.monotonic()
        while not self.ended:
            i = Changer.made * 7919 % self.nodes
            con.request('PATCH', f'/api/nodes/node-{i + 1:016x}',
                        '{"weight":%d}' % (1 + Changer.made % 3),
                        {'Authorization': 'Bearer ' + KEY})
            answer = con.getresponse()
            answer.read()
            if answer.status != 200:
                raise OSError(f'PATCH answered {answer.status}')
            self.changes += 1
            Changer.made += 1
            time.sleep(max(0, start + self.changes / self.rate
                           - time.monotonic()))

    def stop(self):
        self.ended = True
        self.join()


def thread_time(pid, tid):
    """Seconds that a thread was on a processor."""

    with open(f'/proc/{pid}/task/{tid}/schedstat') as f:
        return int(f.read().split()[0]) / 1e9


def part_changes(row, wrk, cpu, script, seconds=2, times=12):
    """What 100 changes a second among 10,000 nodes take of the worker that
    serves requests meanwhile: of its event loop, by which requests are held
    up, and of the thread that writes the state file."""

    mock = Mock(8)
    nginx = Nginx('admin', mock.ports, zone=ZONE, name='changes',
                  state=state(mock.ports, others=NODES - 8))
    pid, loop, file, made = nginx.worker, [], [], []

    def measure(changing):
        """Seconds of the loop and of all, and requests."""

        changer = Changer(nginx.port, NODES, 100)
        if changing:
            changer.start()
        before = thread_time(pid, pid), cpu(pid)
        requests = wrk(nginx.port, script, seconds) * seconds
        after = thread_time(pid, pid), cpu(pid)
        if changing:
            changer.stop()
            made.append(changer.changes / seconds)
        return after[0] - before[0], after[1] - before[1], requests

    measure(False)
    for i in range(times):
        quiet, busy = measure(False), measure(True)
        each = quiet[0] / quiet[2]
        loop.append((busy[0] - busy[2] * each) / seconds)
        file.append((busy[1] - busy[0]) / seconds)
    row(f'event loop for {median(made):.0f} changes a second, of 2 %',
        ('<=', 1.00), median(loop) / 0.02, median(loop) * 100, 2, '%', 2)
    row('  the thread of the state file, of 2 %', None, median(file) / 0.02,
        median(file) * 100, 2, '%', 2)
    nginx.stop()
    mock.stop()


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
