// Chat, whole and streamed.

import {
  assert, collect, connect, errorOf, Node, OpenAI, routerTest, test, textOf,
  user, words, xMock,
} from './lib.mjs';

const fresh = Node.share(0, 16);
const client = connect();

const stream = (c, model, text = '', options = {}) =>
  c.chat.completions.create(
    { model, messages: user('one two'), stream: true, ...options },
    xMock(text));


test('whole answer', async () => {
  const reply = await client.chat.completions.create({
    model: 'mock-model', messages: user('one two three'),
  });

  assert.equal(reply.object, 'chat.completion');
  assert.equal(reply.model, 'mock-model');
  assert.equal(reply.choices[0].message.content, words('main', 8));
  assert.equal(reply.choices[0].finish_reason, 'stop');
  assert.deepEqual(reply.usage, {
    prompt_tokens: 3, completion_tokens: 8, total_tokens: 11,
  });
});


test('body reaches the node unchanged', async () => {
  const node = fresh();
  const body = {
    future: { model: [1, { stream: true }], none: null },
    model: node.model,
    messages: [
      { role: 'system', content: 'tab\t "quote" \\ 你好 👩‍👩‍👧‍👦 \u2028' },
      { role: 'user', content: [
        { type: 'text', text: 'What is this?' },
        { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
      ] },
    ],
    tools: [{ type: 'function', function: {
      name: 'look', parameters: { type: 'object', properties: {} } } }],
    temperature: 0.1,
  };
  await node.client().chat.completions.create(body);
  const { head, body: seen } = await node.last();

  assert.equal(seen, JSON.stringify(body));
  assert.match(head, /^POST \/v1\/chat\/completions HTTP\/1\.1\r\n/);
});


test('stream', async () => {
  const chunks = await collect(await stream(client, 'mock-model'));

  assert.equal(chunks.length, 10);
  assert.equal(chunks[0].choices[0].delta.role, 'assistant');
  assert.equal(textOf(chunks), words('main', 8));
  assert.deepEqual(
    chunks.map((c) => c.choices[0].finish_reason),
    [...Array(9).fill(null), 'stop']);
  assert.ok(chunks.every((c) => !c.usage));
});


test('stream with usage', async () => {
  const chunks = await collect(await stream(client, 'mock-model', '', {
    stream_options: { include_usage: true },
  }));

  assert.equal(chunks.length, 11);
  assert.deepEqual(chunks[10].choices, []);
  assert.deepEqual(chunks[10].usage, {
    prompt_tokens: 2, completion_tokens: 8, total_tokens: 10,
  });
});


test('events come as they are made', async () => {
  const node = fresh();
  const events = await stream(
    node.client(), node.model, 'tokens=9;silence=mid;after=3');
  const seen = [];

  for await (const chunk of events) {
    seen.push(chunk);
    if (seen.length === 4) {
      assert.equal((await node.stats()).in_flight, 1);
      break;
    }
  }

  assert.equal(textOf(seen), words(node.model, 3));
  await node.wait({ in_flight: 0, aborted: 1 });
});


test('the stream helper adds it all up', async () => {
  const runner = client.chat.completions.stream({
    model: 'mock-model', messages: user('hi'),
  });
  const deltas = [];
  runner.on('content', (delta) => deltas.push(delta));
  const final = await runner.finalChatCompletion();

  assert.equal(final.choices[0].message.content, words('main', 8));
  assert.equal(deltas.join(''), words('main', 8));
});


test('many streams at once', async () => {
  const node = fresh();
  const c = node.client();
  const texts = await Promise.all(Array.from({ length: 30 }, async (_, i) =>
    textOf(await collect(
      await stream(c, node.model, `tokens=${i + 10};pace=10`)))));

  assert.deepEqual(
    texts, texts.map((_, i) => words(node.model, i + 10)));
  await node.wait({ in_flight: 0, requests: 30 });
});


test('abort by an AbortController', async () => {
  const node = fresh();
  const controller = new AbortController();
  const events = await node.client().chat.completions.create(
    { model: node.model, messages: user('hi'), stream: true },
    { ...xMock('tokens=500;pace=20'), signal: controller.signal });
  const seen = [];

  for await (const chunk of events) {
    seen.push(chunk);
    if (seen.length === 3) {
      controller.abort();
    }
  }

  assert.ok(seen.length >= 3 && seen.length < 500);
  await node.wait({ in_flight: 0, aborted: 1, completed: 0 });
});


test('abort before the first byte', async () => {
  const node = fresh();
  const controller = new AbortController();
  const call = errorOf(node.client().chat.completions.create(
    { model: node.model, messages: user('hi') },
    { ...xMock('silence=before'), signal: controller.signal }));

  await node.wait({ in_flight: 1 });
  controller.abort();
  assert.ok(await call instanceof OpenAI.APIUserAbortError);
  await node.wait({ in_flight: 0, aborted: 1 });
});


for (const fault of ['reset=mid;after=3', 'cut=event', 'close=mid;after=3']) {
  routerTest(`stream broken by ${fault}`, async () => {
    const node = fresh();
    const seen = [];
    const error = await errorOf(stream(
      node.client(), node.model, `tokens=6;pace=5;${fault}`)
      .then((events) => collect(events, seen)));

    assert.ok(error instanceof OpenAI.APIError, String(error));
    assert.equal(error.code, 'upstream_error');
    assert.equal(error.type, 'bad_gateway');
    assert.ok(seen.length >= 1);
    assert.ok(words(node.model, 6).startsWith(textOf(seen)));
    assert.ok(seen.every((c) => c.choices[0].finish_reason === null));
    await node.wait({ in_flight: 0, requests: 1 });
  });
}


routerTest('headers', async () => {
  const { data, response, request_id: id } = await client.chat.completions
    .create({ model: 'mock-model', messages: user('hi') })
    .withResponse();

  assert.equal(data.choices[0].message.content, words('main', 8));
  assert.equal(response.headers.get('x-llm-router-node'), 'main');
  assert.ok(id);
});


routerTest('alias', async () => {
  const reply = await client.chat.completions.create(
    { model: 'gpt-4o', messages: user('hi') }, xMock('echo'));

  assert.equal(JSON.parse(reply.echo).model, 'mock-model');
});
