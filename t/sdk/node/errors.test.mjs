// Errors as the SDK's classes; limits, time-outs, retries.

import {
  assert, collect, connect, errorOf, Node, OpenAI, routerTest, test, user,
  words, xMock,
} from './lib.mjs';

const fresh = Node.share(24, 48);
const client = connect();

const create = (c, options = {}, request = {}) =>
  c.chat.completions.create(
    { model: 'mock-model', messages: user('hi'), ...options }, request);


// The error of a call, when it is of this class and says this.

const fails = async (promise, kind, status, type, code, param = null) => {
  const error = await errorOf(promise);

  assert.ok(error instanceof kind, String(error));
  assert.deepEqual(
    { status: error.status, type: error.type, code: error.code,
      param: error.param },
    { status, type, code, param });
  assert.deepEqual(Object.keys(error.error).sort(),
    ['code', 'message', 'param', 'type']);
  assert.ok(error.requestID);
  return error;
};


// A stream that has begun and stays open until it is aborted.

const hold = async (c, model) => {
  const stream = await create(c, { model, stream: true },
    xMock('tokens=9;silence=mid;after=1'));
  await stream[Symbol.asyncIterator]().next();
  return stream.controller;
};


routerTest('wrong key', async () => {
  for (const stream of [false, true]) {
    await fails(create(connect({ apiKey: 'sk-sdk-nobody' }), { stream }),
      OpenAI.AuthenticationError, 401, 'authentication_error',
      'invalid_api_key');
  }
});


routerTest('model not allowed', () =>
  fails(create(connect({ apiKey: 'sk-sdk-limited' }), { model: 'pair' }),
    OpenAI.PermissionDeniedError, 403, 'permission_error',
    'model_not_allowed', 'model'));


routerTest('model not found', async () => {
  const error = await fails(create(client, { model: 'gpt-17' }),
    OpenAI.NotFoundError, 404, 'invalid_request_error', 'model_not_found',
    'model');

  assert.equal(error.error.message, 'The model `gpt-17` does not exist');
});


routerTest('no messages', () =>
  fails(create(client, { messages: [] }), OpenAI.BadRequestError, 400,
    'invalid_request_error', 'missing_required_parameter', 'messages'));


routerTest('body too large', () =>
  fails(create(connect({}, 'SMALL'), { messages: user('x'.repeat(200000)) }),
    OpenAI.APIError, 413, 'invalid_request_error', 'request_too_large'));


routerTest('node breaks before its answer', async () => {
  const node = fresh();

  await fails(
    create(node.client(), { model: node.model }, xMock('reset=before')),
    OpenAI.InternalServerError, 502, 'bad_gateway', 'upstream_error');
});


routerTest('node is silent', async () => {
  const node = fresh();

  await fails(
    create(node.client({}, 'IMPATIENT'), { model: node.model },
      xMock('silence=before')),
    OpenAI.InternalServerError, 504, 'gateway_timeout', 'timeout');
  await node.wait({ in_flight: 0, aborted: 1, requests: 1 });
});


routerTest('whole answer breaks half-way', async () => {
  const node = fresh();
  const error = await errorOf(create(
    node.client(), { model: node.model },
    xMock('size=100000;reset=mid;after=4')));

  assert.ok(error instanceof Error, String(error));
  await node.wait({ in_flight: 0, faulted: 1, completed: 0 });
});


test('node says no', async () => {
  const node = fresh();
  const error = await errorOf(create(
    node.client(), { model: node.model }, xMock('status=422')));

  assert.ok(error instanceof OpenAI.UnprocessableEntityError, String(error));
  assert.equal(error.code, 'mock');
});


routerTest('queue full', async () => {
  const node = fresh();
  const c = node.client({}, 'FULL');
  const holder = await hold(c, node.model);
  const error = await fails(create(c, { model: node.model }),
    OpenAI.RateLimitError, 429, 'rate_limit_error', 'queue_full');
  holder.abort();

  const after = Number(error.headers.get('retry-after'));
  assert.ok(after >= 1 && after <= 60, String(after));
  await node.wait({ in_flight: 0, requests: 1, aborted: 1 });
});


routerTest('queued until there is room', async () => {
  const node = fresh();
  const c = node.client({}, 'QUEUE');
  const holder = await hold(c, 'mock-model');
  const call = create(c, { model: node.model }).withResponse();
  const first = await Promise.race([
    call.then(() => 'answered'),
    new Promise((done) => { setTimeout(done, 100, 'waiting'); }),
  ]);

  assert.equal((await node.stats()).requests, 0);
  holder.abort();
  const { data, response } = await call;

  assert.equal(first, 'waiting');
  assert.equal(data.choices[0].message.content, words(node.model, 8));
  assert.ok(Number(response.headers.get('x-queue-wait-ms')) >= 50);
  assert.equal((await node.stats()).requests, 1);
});


routerTest('rate limit, then the SDK tries again', async () => {
  const c = connect({ apiKey: 'sk-sdk-rate-node' });
  let served = 0;
  const error = await errorOf((async () => {
    for (; served < 200; served++) {
      await create(c);
    }
  })());

  assert.ok(error instanceof OpenAI.RateLimitError, String(error));
  assert.equal(error.code, 'rate_limit_exceeded');
  assert.equal(error.headers.get('retry-after'), '1');
  assert.ok(served >= 60 && served < 120, String(served));

  const statuses = [];
  const again = connect({
    apiKey: 'sk-sdk-rate-node',
    maxRetries: 3,
    fetch: async (...args) => {
      const reply = await fetch(...args);
      statuses.push(reply.status);
      return reply;
    },
  });
  const reply = await create(again);

  assert.equal(reply.usage.completion_tokens, 8);
  assert.equal(statuses.at(-1), 200);
});


test('node says 429 once, then the SDK tries again', async () => {
  const node = fresh();
  const statuses = [];
  await node.set('status=429;retry_after=1;times=1');

  const reply = await create(node.client({
    maxRetries: 4,
    fetch: async (...args) => {
      const answer = await fetch(...args);
      statuses.push(answer.status);
      return answer;
    },
  }), { model: node.model });

  assert.equal(statuses[0], 429);
  assert.equal(statuses.at(-1), 200);
  assert.equal(reply.choices[0].message.content, words(node.model, 8));
  await node.wait({ requests: 2, completed: 2 });
});


test('client time-out', async () => {
  const node = fresh();
  const error = await errorOf(create(
    node.client({ timeout: 300 }), { model: node.model },
    xMock('silence=before')));

  assert.ok(error instanceof OpenAI.APIConnectionTimeoutError, String(error));
  await node.wait({ in_flight: 0, aborted: 1, requests: 1 });
});


routerTest('stream that falls silent', async () => {
  const node = fresh();
  const seen = [];
  const error = await errorOf(create(
    node.client({}, 'IMPATIENT'), { model: node.model, stream: true },
    xMock('tokens=9;silence=mid;after=2'))
    .then((stream) => collect(stream, seen)));

  assert.equal(seen.length, 3);
  assert.ok(error instanceof OpenAI.APIError, String(error));
  assert.equal(error.code, 'timeout');
});
