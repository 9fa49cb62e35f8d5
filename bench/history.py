"""Benchmarks of the history: what a record costs, how fast Redis gets them,
and what it takes to look at them."""

import hashlib
import json
import signal
import socket
import subprocess
import time
from statistics import median

import servers
from admin import Pinger, key
from client import KEY, Client, SDK_HEADERS, chat, request
from servers import OUT, Mock, Nginx, Redis, cpu

RECORD = ('ngx_http_llm_record_', 'ngx_llm_record_', 'ngx_llm_ring_',
          'ngx_llm_stats_')
WRITTEN = ('ngx_llm_flush_', 'ngx_llm_redis_')
HISTORY = '    llm_router_history size=2000000;'
RECORDS = 1000000       # among which is searched
RARE = 1000             # each one of so many is another one
PAGES = 10              # that are open
SECONDS = 10            # for which they are


def record(path):
    """Instructions of all records.  The filter calls those behind it, too."""

    return servers.spent(path, RECORD, ('ngx_http_llm_record_filter',))


def part_history(compare):
    """The same router with Redis and without it; records are made anyway.
    Requests a second suffer from Redis itself where it shares processors with
    the client and the node; the worker's processor time does not."""

    mock, redis = Mock(), Redis()
    nginx = {'on': Nginx('router', mock.ports, name='on', more=redis.line),
             'off': Nginx('router', mock.ports, name='off')}
    before = cpu(redis.proc.pid)
    compare('requests a second, with Redis, without it', ('>=', 0.97), nginx,
            [mock.proc, redis.proc], settle=0.2, cpu_goal=('<=', 1.03))
    written = redis.number('GET llm:history:index:n')
    used = (cpu(redis.proc.pid) - before) * 1e6 / written
    print(f'    Redis itself: {used:.1f} us of a processor a record')
    for side in nginx.values():
        side.stop()
    redis.stop()
    mock.stop()


def part_written(row, per_request):
    """What the worker that writes to Redis does for each record.  Here the
    batches are small, as callgrind is slow."""

    mock, redis = Mock(), Redis()
    asked, (low, high, times) = per_request('router', mock, chat(), 'written',
                                            more=redis.line)
    cost = (servers.spent(high, WRITTEN) - servers.spent(low, WRITTEN)) / times
    row('  writing a record, of the whole request', None, cost / asked, cost,
        asked, 'instr')
    redis.stop()
    mock.stop()


def drained(redis, seconds=0.3):
    """How many records came to Redis, and when: (seconds, records) each time
    there were more.  The end is when for so long there are no more."""

    got = [(time.perf_counter(), redis.records())]
    while time.perf_counter() - got[-1][0] < seconds:
        time.sleep(0.001)
        n = redis.records()
        if n != got[-1][1]:
            got.append((time.perf_counter(), n))
    return got


def part_flush(row, wrk, script, times=9):
    """A full ring waits while Redis is stopped, for less than the time-out:
    from the first batch that is seen in Redis on to the last."""

    mock, redis = Mock(), Redis()
    nginx = Nginx('router', mock.ports, name='flush',
                  more=f'{redis.line}\n{HISTORY}')
    wrk(nginx.port, script, 1)
    drained(redis)
    pids = {'worker': nginx.worker, 'redis': redis.proc.pid}
    rates, counts, used = [], [], {who: [] for who in pids}
    for _ in range(times):
        redis.proc.send_signal(signal.SIGSTOP)
        wrk(nginx.port, script, 1)
        before = {who: cpu(pid) for who, pid in pids.items()}
        redis.proc.send_signal(signal.SIGCONT)
        got = drained(redis)
        if len(got) < 3:
            raise OSError('the records that waited did not come')
        n = got[-1][1] - got[0][1]
        rates.append((got[-1][1] - got[1][1]) / (got[-1][0] - got[1][0]))
        counts.append(n)
        for who, pid in pids.items():
            used[who].append((cpu(pid) - before[who]) * 1e6 / n)
    row('records a second of a ring that waits, of 100,000', ('>=', 1.00),
        median(rates) / 100000, median(rates), 100000, '1/s')
    print(f'    best {max(rates):,.0f}; {median(counts):,.0f} records each; '
          f'processor time a record: worker {median(used["worker"]):.1f} us, '
          f'Redis {median(used["redis"]):.1f} us')
    nginx.stop()
    redis.stop()
    mock.stop()


def get(port, path, token):
    return (f'GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n'
            f'Authorization: Bearer {token}\r\n\r\n').encode()


def log_in(client):
    """The token of a session."""

    body = '{"username":"admin","password":"test"}'
    return json.loads(client.ask(
        (f'POST /api/auth/login HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n'
         f'Content-Length: {len(body)}\r\n\r\n{body}').encode()))['token']


def asker(path):
    """Asks for it in a session, which the first call begins."""

    tokens = {}

    def ask(client):
        if client not in tokens:
            tokens[client] = log_in(client)
        client.ask(get(client.port, path, tokens[client]))

    return ask


def streamed(mock, more):
    """Instructions that a second of a stream takes, and how many requests it
    told of then.  More end than it may tell of.  Seconds are counted by what
    comes each second: callgrind is slow, and its clock goes on."""

    path = f'{OUT}/events.callgrind'
    nginx = Nginx('admin', mock.ports, callgrind=path, more=more)
    client = Client(nginx.port)
    token = log_in(client)
    streams = [socket.create_connection(('127.0.0.1', nginx.port))
               for _ in range(PAGES)]
    for sock in streams:
        sock.sendall(get(nginx.port, '/api/events', token))
        sock.setblocking(False)
    text, told = request(nginx.port, chat()), b''
    while told.count(b'event: stats\n') < PAGES * SECONDS:
        client.ask(text)
        for sock in streams:
            try:
                told += sock.recv(1 << 20)
            except BlockingIOError:
                pass
    for sock in streams:
        sock.close()
    client.close()
    nginx.stop()
    seconds = told.count(b'event: stats\n')
    cost = servers.functions(path)['ngx_http_llm_api_events_timer'][1]
    return cost / seconds, told.count(b'event: request\n') / seconds


# what a page of the dashboard asks for again, and after how many seconds

LIVE = (
    ('overview', (('/api/stats/series?window=3600&step=60', 5),
                  ('/api/stats', 10))),
    ('nodes', (('/api/nodes?limit=1000', 2),)),
    ('models', (('/api/models?limit=1000', 2),)),
)


def part_live(row, wrk, per_call, script):
    """What ten open pages take of a worker: in instructions, of those it
    spends in a second of processor time on requests.  (No clock tells 1 %
    from the noise of a machine that others use.)"""

    mock = Mock(10)
    more = servers.node_lines(mock.ports)
    stream, told = streamed(mock, more)
    asked, _ = per_call('admin', mock, lambda client: client.ask(
        request(client.port, chat())), 'live', more=more)
    nginx = Nginx('admin', mock.ports, more=more)
    rate = median(capacity(nginx, wrk, script) for _ in range(9))
    nginx.stop()
    print(f'    a request {asked:,.0f} instructions, {rate:,.0f} a second; '
          f'a second of a stream {stream:,.0f}, {told:.0f} requests told of')
    for view, asks in LIVE:
        page = stream
        for path, every in asks:
            cost, _ = per_call('admin', mock, asker(path), 'live', few=10,
                               many=60, more=more)
            print(f'    {path}: {cost:,.0f} instructions, each {every} s')
            page += cost / every
        part = 100 * PAGES * page / (asked * rate)
        row(f'{PAGES} pages open ({view}), of 1 % of a worker', ('<=', 1.00),
            part, part, 1, '%', 2)
    mock.stop()


def capacity(nginx, wrk, script):
    """Requests in a second of the worker's processor time."""

    before = cpu(nginx.worker)
    requests = wrk(nginx.port, script, 1)
    return requests / (cpu(nginx.worker) - before)


def filler(path):
    """Requests for wrk: of each RARE one has a key of its own, one a model
    that one node has, and one fails."""

    headers = '\n'.join(f'wrk.headers["{name}"] = "{value}"'
                        for name, value in SDK_HEADERS
                        if name not in ('Connection', 'Authorization'))
    with open(path, 'w') as out:
        out.write(f'''wrk.method = "POST"
{headers}
local function ask(model, key)
    wrk.headers["Authorization"] = "Bearer " .. key
    wrk.body = '{{"model":"' .. model .. '",' ..
        '"messages":[{{"role":"user","content":"Hello"}}]}}'
    return wrk.format(nil, "/v1/chat/completions")
end
local texts, n = nil, 0
request = function()
    texts = texts or {{[0] = ask("mock", "{key(0)}"), ask("rare", "{KEY}"),
                      ask("none", "{KEY}"), ask("mock", "{KEY}")}}
    n = n + 1
    return texts[math.min(n % {RARE}, 3)]
end
''')


def fill(nginx, redis, script):
    """Makes RECORDS requests, which Redis gets as it does in life."""

    while redis.records() < RECORDS:
        subprocess.run(['wrk', '-t1', '-c64', '-d5s', '-s', script,
                        f'http://127.0.0.1:{nginx.port}'],
                       capture_output=True, check=True)
    drained(redis)


NOBODY = 'key=, of nobody'
QUERIES = {
    'the newest': '',
    'model=, one of 1,000': 'model=rare',
    'node=, one of 1,000': 'node=special',
    'key=, one of 1,000': 'key=seldom',
    'status=error, one of 1,000': 'status=error',
    'from= and to=, in the middle': 'from={middle}&to={next}',
    'to= in the second after the first': 'to={oldest}',
    NOBODY: 'key=nobody',
}


def first_page(client, token, query, times):
    """Of so many: their median in ms, the longest wait of somebody else
    meanwhile in the quietest, and the rows."""

    took, waits = [], []
    text = get(client.port, f'/api/history?limit=50&{query}', token)
    for _ in range(times):
        pinger = Pinger(client.port)
        pinger.start()
        while len(pinger.times) < 20:
            time.sleep(0.001)
        pinger.times.clear()
        start = time.perf_counter()
        body = client.ask(text)
        took.append((time.perf_counter() - start) * 1000)
        pinger.stop()
        waits.append(max(pinger.times) * 1000)
    page = json.loads(body)
    if page['source'] != 'redis':
        raise OSError(page['stale'])
    return median(took), min(waits), len(page['data'])


def part_query(row, times=15):
    """The first page of 50 among a million, and how long it held the worker:
    the longest wait of somebody else meanwhile.  What else runs only adds to
    that, so that the quietest counts."""

    mock, redis = Mock(2), Redis()
    digest = hashlib.sha256(key(0).encode()).hexdigest()
    nginx = Nginx('admin', mock.ports, name='query', more='\n'.join((
        redis.line, HISTORY, servers.node_lines(mock.ports[:1]),
        f'    llm_router_node http://127.0.0.1:{mock.ports[1]} name=special'
        f' models=rare check=off;',
        f'    llm_router_key sha256:{digest} name=seldom;')))
    filler(f'{OUT}/fill.lua')
    began = int(time.time())
    fill(nginx, redis, f'{OUT}/fill.lua')
    middle = (began + int(time.time())) // 2
    client = Client(nginx.port)
    token = log_in(client)
    lost = json.loads(client.ask(get(nginx.port, '/api/stats', token)))[
        'history']['dropped']
    print(f'    {redis.records():,} records, {lost} lost; Redis has '
          f'{servers.memory(redis.proc.pid) / 1e6:,.0f} MB')
    took, held = {}, {}
    for what, query in QUERIES.items():
        query = query.format(oldest=began + 1, middle=middle, next=middle + 1)
        took[what], held[what], n = first_page(client, token, query, times)
        if n != (0 if what == NOBODY else 50):
            raise OSError(f'{n} rows of {query}')
        row(f'first page: {what}', None, took[what] / 200, took[what], 200,
            'ms', 1)
        print(f'    the worker was held for {held[what]:.2f} ms')
    row('first page, the slowest, of 200 ms', ('<=', 1.00),
        max(took.values()) / 200, max(took.values()), 200, 'ms', 1)
    row('  the worker held, of 5 ms', ('<=', 1.00), max(held.values()) / 5,
        max(held.values()), 5, 'ms', 2)
    client.close()
    nginx.stop()
    redis.stop()
    mock.stop()
