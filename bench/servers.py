"""The servers of the benchmarks: nginx with either side, under callgrind or
not, and mock nodes.  All listen on 127.0.0.1 and end with the run."""

import atexit
import fcntl
import hashlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time

from client import KEY

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BENCH = os.path.join(TOP, 'bench')
OUT = os.path.join(TOP, 'build', 'bench')
BUILT = os.path.join(TOP, 'build', 'ngx_http_llm_router_module.so')
MODULE = os.path.join(OUT, 'module.so')     # the same one for a whole run
MOCK = os.path.join(TOP, 'build', 'mock_node')
NGINX = os.environ.get('NGINX') or shutil.which(
    'nginx', path=os.environ.get('PATH', '') + ':/usr/sbin')

running = []


def stop_all():
    for proc in list(running):
        stop(proc)


atexit.register(stop_all)
signal.signal(signal.SIGTERM, lambda *_: exit(1))


def stop(proc, port=None, timeout=120):
    """A connection to its port wakes an nginx that took the signal just
    before it began to wait for events."""

    if proc in running:
        running.remove(proc)
    end = time.monotonic() + timeout
    proc.terminate()
    while proc.poll() is None:
        if time.monotonic() > end:
            proc.kill()
        try:
            proc.wait(1)
        except subprocess.TimeoutExpired:
            with socket.socket() as sock:
                if port:
                    sock.connect_ex(('127.0.0.1', port))


def keep_module():
    lock = open(os.path.join(OUT, 'lock'), 'w')
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SystemExit('another benchmark runs in build/bench')
    shutil.copy(BUILT, MODULE)
    return lock


def free_port():
    """Not one of those that the kernel gives to clients: a connection to
    such a port may meet itself."""

    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as sock:
            try:
                sock.bind(('127.0.0.1', port))
                return port
            except OSError:
                pass


class Mock:
    """Mock nodes at free ports, in one process."""

    def __init__(self, nodes=1):
        self.proc = subprocess.Popen(
            [MOCK, *['--port', '0'] * nodes, '--parent-death', '--models',
             'mock', '--idle', '600000'], stdout=subprocess.PIPE, text=True)
        running.append(self.proc)
        self.ports = []
        while len(self.ports) < nodes:
            line = self.proc.stdout.readline()
            if not line:
                raise OSError(f'{MOCK} does not listen')
            self.ports.append(int(line.rpartition(':')[2]))

    def stop(self):
        stop(self.proc)


class Redis:
    """A Redis of its own, that keeps nothing on disk."""

    def __init__(self):
        self.port = free_port()
        self.root = os.path.join(OUT, 'redis')
        shutil.rmtree(self.root, ignore_errors=True)
        os.makedirs(self.root)
        self.proc = subprocess.Popen(
            ['redis-server', '--port', str(self.port), '--bind', '127.0.0.1',
             '--save', '', '--appendonly', 'no', '--dir', self.root,
             '--logfile', 'log'], stdout=subprocess.DEVNULL)
        running.append(self.proc)
        self.line = f'    llm_router_redis 127.0.0.1:{self.port};'
        self.sock = None
        while not self.sock:
            try:
                self.sock = socket.create_connection(
                    ('127.0.0.1', self.port), 60)
            except OSError:
                if self.proc.poll() is not None:
                    raise
                time.sleep(0.01)

    def number(self, command):
        """A number that Redis answers."""

        self.sock.sendall(command.encode() + b'\r\n')
        answer = b''
        while (not answer.endswith(b'\r\n')
               or answer.startswith(b'$') and answer.count(b'\n') < 2):
            answer += self.sock.recv(4096)
        return int(answer[1:] if answer[:1] == b':' else answer.split()[1])

    def records(self):
        return self.number('XLEN llm:history')

    def stop(self):
        self.sock.close()
        stop(self.proc)


def node_lines(ports):
    return '\n'.join(
        f'    llm_router_node http://127.0.0.1:{port} name=n{i} models=mock'
        f' check=off;' for i, port in enumerate(ports))


def private(path, flags):
    return os.open(path, flags, 0o600)


class Nginx:
    """One nginx, "router" or "proxy", in front of mock nodes at ports."""

    def __init__(self, side, ports, callgrind=None, connections=1024,
                 zone='32m', limits='', router='', keepalive=64, name=None,
                 state=None, more=''):
        self.port = free_port()
        self.callgrind = callgrind
        self.root = os.path.join(OUT, name or side)
        shutil.rmtree(self.root, ignore_errors=True)
        os.makedirs(self.root)
        values = {
            'LOAD': '' if side == 'proxy' else f'load_module {MODULE};',
            'MASTER': 'off' if callgrind else 'on',
            'USER': 'user root;' if os.getuid() == 0 else '',
            'CONNECTIONS': connections, 'PORT': self.port, 'ZONE': zone,
            'NODE': ports[0], 'NODES': node_lines(ports),
            'KEYHASH': hashlib.sha256(KEY.encode()).hexdigest(),
            'KEYLIMITS': limits, 'ROUTER': router, 'KEEPALIVE': keepalive,
            'MORE': more,
        }
        with open(f'{BENCH}/nginx.conf') as common, \
                open(f'{BENCH}/{side}.conf') as own:
            text = common.read().replace('@SIDE@', own.read())
        text = re.sub('@([A-Z]+)@', lambda m: str(values[m[1]]), text)
        with open(f'{self.root}/nginx.conf', 'w') as conf:
            conf.write(text)
        if state:
            with open(f'{self.root}/state.json', 'w', opener=private) as file:
                file.write(state)
        command = [NGINX, '-p', self.root, '-e', 'error.log', '-c',
                   'nginx.conf']
        if callgrind:
            command = ['valgrind', '-q', '--tool=callgrind', '--dump-line=no',
                       f'--callgrind-out-file={callgrind}', *command]

        # nginx takes NGINX, where make may pass a path, for its sockets

        env = {k: v for k, v in os.environ.items() if k != 'NGINX'}
        with open(f'{self.root}/stderr', 'w') as err:
            self.proc = subprocess.Popen(command, env=env, stderr=err)
        running.append(self.proc)
        self.wait(120)
        self.worker = None if callgrind else self.child()

    def wait(self, timeout):
        """For its pid file: then it listens and knows its signals."""

        end = time.monotonic() + timeout
        while not os.path.exists(f'{self.root}/nginx.pid'):
            if self.proc.poll() is not None or time.monotonic() > end:
                with open(f'{self.root}/stderr') as err:
                    raise OSError('nginx did not start: ' + err.read())
            time.sleep(0.01)

    def child(self):
        """The worker, which comes after the pid file."""

        pid = self.proc.pid
        while self.proc.poll() is None:
            with open(f'/proc/{pid}/task/{pid}/children') as f:
                children = f.read().split()
            if children:
                return int(children[0])
            time.sleep(0.01)
        raise OSError('nginx ended early')

    def stop(self):
        stop(self.proc, self.port)
        if self.proc.returncode:
            raise OSError(f'nginx ended with {self.proc.returncode}')
        with open(f'{self.root}/error.log') as log:
            lines = log.read()
        if lines:
            raise OSError(f'{self.root}/error.log:\n{lines[:2000]}')


def cpu(pid):
    """Seconds of processor time, of all threads: the process's own clock,
    as clock_getcpuclockid(3) names it."""

    return time.clock_gettime(~pid << 3 | 2)


def memory(pid):
    """Proportional share of memory in bytes."""

    with open(f'/proc/{pid}/smaps_rollup') as f:
        return int(re.search(r'^Pss:\s+(\d+) kB', f.read(), re.M)[1]) * 1024


def instructions(path):
    """What callgrind counted in all."""

    with open(path) as f:
        return int(re.search(r'^(?:totals|summary): (\d+)', f.read(),
                             re.M)[1])


def functions(path):
    """{function: (itself, with what it calls)} of a callgrind file, in
    instructions.  What a function calls of itself counts twice."""

    own, deep = {}, {}
    for function, callee, cost in costs(path):
        deep[function] = deep.get(function, 0) + cost
        if not callee:
            own[function] = own.get(function, 0) + cost
    return {f: (own.get(f, 0), n) for f, n in deep.items()}


def spent(path, room, through=()):
    """Instructions of the functions whose names begin so, and of what they
    call; what those in through call is not theirs."""

    return sum(cost for function, callee, cost in costs(path)
               if function.startswith(room)
               and not (callee and (callee.startswith(room)
                                    or function in through)))


def costs(path):
    """(function, what it calls or None, instructions) of a callgrind file."""

    names, objects = {}, {}         # the file gives each name once
    where = function = callee = None
    called = False

    def known(table, value, make):
        number, _, text = value.partition(' ')
        if text:
            table[number] = make(text)
        return table[number]

    with open(path) as f:
        for line in f:
            key, _, value = line.rstrip().partition('=')
            if key in ('ob', 'cob'):
                there = known(objects, value, os.path.basename)
                if key == 'ob':
                    where = there
            elif key in ('fn', 'cfn'):
                name = known(names, value, lambda text: (
                    f'({there} {text[2:].lstrip("0")})'
                    if text.startswith('0x') else text))
                if key == 'fn':
                    function = name
                else:
                    callee = name
                there = where
            elif key == 'calls':
                called = True
            elif function and line[0] in '0123456789+-*':
                yield function, callee if called else None, int(
                    line.split()[1])
                called = False
