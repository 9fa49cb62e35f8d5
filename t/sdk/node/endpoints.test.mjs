// The other endpoints.

import { createHash } from 'node:crypto';

import {
  assert, collect, connect, errorOf, Node, OpenAI, routerTest, test, toFile,
  words, xMock,
} from './lib.mjs';

const fresh = Node.share(16, 24);
const client = connect();
const VECTOR = [-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75];


test('completions', async () => {
  const reply = await client.completions.create({
    model: 'mock-model', prompt: 'a b c d',
  });

  assert.equal(reply.choices[0].text, words('main', 8));
  assert.equal(reply.usage.prompt_tokens, 4);
});


test('completions, streamed', async () => {
  const chunks = await collect(await client.completions.create({
    model: 'mock-model', prompt: 'a b', stream: true,
  }));

  assert.equal(chunks.map((c) => c.choices[0].text).join(''),
    words('main', 8));
  assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
});


test('embeddings', async () => {
  const node = fresh();
  const reply = await node.client().embeddings.create({
    model: node.model, input: ['a', 'b'],
  });

  assert.deepEqual(Array.from(reply.data[0].embedding), VECTOR);
  assert.equal(reply.data.length, 2);
  assert.equal(JSON.parse((await node.last()).body).encoding_format,
    'base64');
});


test('embeddings as numbers', async () => {
  const reply = await client.embeddings.create({
    model: 'text-embedding-mock', input: 'a', encoding_format: 'float',
  });

  assert.deepEqual(reply.data[0].embedding, VECTOR);
});


test('responses', async () => {
  const reply = await client.responses.create({
    model: 'mock-model', input: 'a b c',
  });

  assert.equal(reply.output_text, words('main', 8));
  assert.equal(reply.usage.input_tokens, 3);
});


test('responses, streamed', async () => {
  const events = await collect(await client.responses.create({
    model: 'mock-model', input: 'a b c', stream: true,
  }));

  assert.equal(events[0].type, 'response.created');
  assert.equal(events.at(-1).type, 'response.completed');
  assert.equal(
    events.filter((e) => e.type === 'response.output_text.delta')
      .map((e) => e.delta).join(''),
    words('main', 8));
});


test('transcription of a file of 1 MB', async () => {
  const node = fresh();
  const sound = createHash('sha256').update('sound').digest();
  const reply = await node.client().audio.transcriptions.create({
    file: await toFile(Buffer.alloc(1 << 20, sound), 'a.wav'),
    model: node.model,
  });

  assert.equal(reply.text, words(node.model, 8));
  assert.ok((await node.stats()).body_bytes > 1 << 20);
});


test('speech', async () => {
  const reply = await client.audio.speech.create(
    { model: 'mock-model', voice: 'alloy', input: 'Say it' },
    xMock('size=100000'));
  const bytes = Buffer.from(await reply.arrayBuffer());

  assert.equal(bytes.length, 100000);
  assert.ok(bytes.every((b, i) => b === i % 256));
});


test('moderations', async () => {
  const reply = await client.moderations.create({
    model: 'mock-model', input: ['good', 'bad'],
  });

  assert.equal(reply.results.length, 2);
});


test('models', async () => {
  const ids = [];

  for await (const model of client.models.list()) {
    ids.push(model.id);
  }

  assert.ok(ids.includes('mock-model'));
  assert.ok(ids.includes('org/mock:7b'));
  assert.equal(new Set(ids).size, ids.length);
});


test('a model', async () => {
  const model = await client.models.retrieve('org/mock:7b');

  assert.equal(model.id, 'org/mock:7b');
  assert.equal(model.object, 'model');
});


test('a model that is not there', async () => {
  const error = await errorOf(client.models.retrieve('no-such-model'));

  assert.ok(error instanceof OpenAI.NotFoundError, String(error));
  assert.equal(error.code, 'model_not_found');
});


routerTest('models a key may use', async () => {
  const list = await connect({ apiKey: 'sk-sdk-limited' }).models.list();

  assert.deepEqual(list.data.map((m) => m.id), ['mock-model']);
});
