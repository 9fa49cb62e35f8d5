// What the tests share: the SDK, clients of the router, mock nodes.

import assert from 'node:assert/strict';
import { File } from 'node:buffer';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, test as nodeTest } from 'node:test';

globalThis.File ??= File;

const require = createRequire(`${process.env.SDK_MODULES}/`);

export const { default: OpenAI, toFile } = require('openai');
export { assert };

export const DIRECT = Boolean(process.env.SDK_DIRECT);
export const KEY = 'sk-sdk-test';


// What a test that ran out of time left open does not hold up the others.

const LIMIT = 20000;

after(() => { setTimeout(process.exit, 1000).unref(); });

export const test = (name, body) => nodeTest(name, { timeout: LIMIT }, body);


// A test of what only a router does.

export const routerTest = (name, body) =>
  nodeTest(name, { timeout: LIMIT, skip: DIRECT && 'asks a node' }, body);


// An SDK client that does not try again unless told so.

export const connect = (options = {}, server = 'ROUTER') =>
  new OpenAI({
    apiKey: KEY,
    baseURL: `${process.env[`SDK_${server}`]}/v1`,
    maxRetries: 0,
    timeout: 15000,
    ...options,
  });


export const user = (text) => [{ role: 'user', content: text }];


// What the mock node of this name says in n tokens.

export const words = (name, n) =>
  [`Hello from ${name}.`]
    .concat(Array.from({ length: n - 1 }, (_, i) => ` w${i + 1}`))
    .join('');


// Options of an SDK call that steer the mock node.

export const xMock = (text) => ({ headers: { 'X-Mock': text } });


export const textOf = (chunks) =>
  chunks.map((c) => c.choices[0]?.delta.content ?? '').join('');


export const collect = async (stream, into = []) => {
  for await (const chunk of stream) {
    into.push(chunk);
  }

  return into;
};


// The error of a call that must fail.

export const errorOf = async (promise) => {
  let value;

  try {
    value = await promise;
  } catch (error) {
    return error;
  }

  assert.fail(`no error, but ${JSON.stringify(value)}`);
};


// Each test file runs in a process of its own: it takes its share of the
// nodes that no other test uses.

const ports = (process.env.SDK_JS ?? '').split(' ');

export class Node {
  static share(from, to) {
    let i = from;

    return () => {
      assert.ok(i < to, 'more fresh nodes are needed');
      return new Node(`http://127.0.0.1:${ports[i]}`, `js-${++i}`);
    };
  }

  constructor(url, model) {
    this.url = url;
    this.model = model;
  }

  // A client of the router; with SDK_DIRECT, of the node itself.

  client(options = {}, server = 'ROUTER') {
    return connect(
      DIRECT ? { ...options, baseURL: `${this.url}/v1` } : options, server);
  }

  async set(text) {
    const reply = await fetch(`${this.url}/mock/set`, {
      method: 'POST', body: text,
    });
    assert.equal(reply.status, 200, await reply.text());
  }

  async stats() {
    return (await fetch(`${this.url}/mock/stats`)).json();
  }

  async last() {
    const text = await (await fetch(`${this.url}/mock/last`)).text();
    const end = text.indexOf('\r\n\r\n');
    return { head: text.slice(0, end), body: text.slice(end + 4) };
  }

  // Waits until the counters are as wanted.

  async wait(wanted, ms = 5000) {
    const end = Date.now() + ms;

    for (;;) {
      const stats = await this.stats();
      const seen = Object.fromEntries(
        Object.keys(wanted).map((name) => [name, stats[name]]));

      if (Object.keys(wanted).every((k) => wanted[k] === seen[k])) {
        return stats;
      }

      if (Date.now() > end) {
        assert.deepEqual(seen, wanted);
      }

      await sleep(10);
    }
  }
}
