// SPDX-License-Identifier: Apache-2.0
//
// chat-push's figures: valid in Prometheus' text format, Soketi's names among
// them, and counting what really happened.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { eventually, startPush } from './lib/push.mjs';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'chat-push-metrics-'));
after(() => fs.rmSync(dir, { recursive: true }));

// An id that would break the format if it were not escaped.
const odd = 'odd"}\\1';
const apps = [
  { id: 'app1', key: 'key1', secret: 'secret1', enableClientMessages: true },
  { id: odd, key: 'key2', secret: 'secret2' },
];
const at = path.join(dir, 'conf.json');
fs.writeFileSync(at, JSON.stringify({ 'appManager.array.apps': apps, metrics: { host: '127.0.0.1' }, maxQueueInKb: 64 }));
const push = await startPush({ args: ['--config', at] });

/**
 * Read the text format strictly: HELP, then TYPE, then the samples of a series
 * in one piece; names and labels as they must be; histograms whole.
 * @return {Map<string, {type, samples: {name, labels, value}[]}>}
 */
function parse(text) {
  assert.ok(text.endsWith('\n'));
  const series = new Map();
  let current = null;
  let help = null;
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = line.match(/^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/);
    if (comment?.[1] === 'HELP') {
      assert.ok(!series.has(comment[2]), `${comment[2]} comes twice`);
      help = comment[2];
      continue;
    }
    if (comment) {
      assert.equal(comment[2], help, 'TYPE follows HELP');
      assert.match(comment[3], /^(counter|gauge|histogram)$/);
      current = { name: help, type: comment[3], samples: [] };
      series.set(help, current);
      continue;
    }
    const sample = line.match(/^([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*)\} (\d+(?:\.\d+)?)$/);
    assert.ok(sample, `no line of the format: ${line}`);
    const base = current.type === 'histogram' ? sample[1].replace(/_(bucket|sum|count)$/, '') : sample[1];
    assert.equal(base, current.name, `${sample[1]} stands in its series`);
    const labels = Object.fromEntries([...sample[2].matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)]
      .map(([, k, v]) => [k, v.replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c))]));
    const same = current.samples.find((s) => s.name === sample[1] && JSON.stringify(s.labels) === JSON.stringify(labels));
    assert.equal(same, undefined, `${line} comes twice`);
    current.samples.push({ name: sample[1], labels, value: Number(sample[3]) });
  }
  for (const { name, type, samples } of series.values()) {
    if (type !== 'histogram' || samples.length === 0) {
      continue;
    }
    const buckets = samples.filter((s) => s.name === `${name}_bucket`);
    const bounds = buckets.map((b) => (b.labels.le === '+Inf' ? Infinity : Number(b.labels.le)));
    assert.equal(bounds.at(-1), Infinity, `${name} ends with +Inf`);
    buckets.slice(1).forEach((b, i) => {
      assert.ok(bounds[i + 1] > bounds[i] && b.value >= buckets[i].value, `${name} is cumulative`);
    });
    const count = samples.find((s) => s.name === `${name}_count`);
    const sum = samples.find((s) => s.name === `${name}_sum`);
    assert.ok(count && sum, `${name} has count and sum`);
    assert.equal(count.value, buckets.at(-1).value);
  }
  return series;
}

const scrape = async () => parse(await (await fetch(`${push.metrics}/metrics`)).text());

function value(series, name, labels = {}) {
  const found = [...series.values()].flatMap((s) => s.samples)
    .find((s) => s.name === `soketi_${name}` && Object.entries(labels).every(([k, v]) => s.labels[k] === v));
  assert.ok(found, `${name} ${JSON.stringify(labels)}`);
  return found.value;
}

test("Soketi's series are there under their names, also those of its adapters", async () => {
  const series = await scrape();
  for (const [name, type] of [
    ['connected', 'gauge'], ['new_connections_total', 'counter'], ['new_disconnections_total', 'counter'],
    ['socket_received_bytes', 'counter'], ['socket_transmitted_bytes', 'counter'],
    ['ws_messages_received_total', 'counter'], ['ws_messages_sent_total', 'counter'],
    ['http_received_bytes', 'counter'], ['http_transmitted_bytes', 'counter'], ['http_calls_received_total', 'counter'],
    ['horizontal_adapter_resolve_time', 'histogram'], ['horizontal_adapter_resolved_promises', 'counter'],
    ['horizontal_adapter_uncomplete_promises', 'counter'], ['horizontal_adapter_sent_requests', 'counter'],
    ['horizontal_adapter_received_requests', 'counter'], ['horizontal_adapter_received_responses', 'counter'],
  ]) {
    assert.equal(series.get(`soketi_${name}`)?.type, type, name);
    assert.deepEqual(series.get(`soketi_${name}`).samples.map((s) => s.labels.app_id),
      name.startsWith('horizontal') ? [] : ['app1', odd], name);
  }
  const json = await (await fetch(`${push.metrics}/metrics?json=1`)).json();
  assert.deepEqual(json.map((s) => [s.name, s.type]), [...series.values()].map((s) => [s.name, s.type]));
  const latency = json.find((s) => s.name === 'soketi_publish_to_write_seconds');
  assert.equal(latency.values.at(-1).metricName, 'soketi_publish_to_write_seconds_count');
});

test('subscriptions, users, channels and connections are those there are', async () => {
  const [a, b] = [await push.raw(), await push.raw()];
  for (const s of [a, b]) {
    await s.join('room');
    s.signin({ id: '7' });
    await s.next('pusher:signin_success');
  }
  await a.join('private-x');
  let m = await scrape();
  assert.deepEqual(['channels', 'users'].map((n) => value(m, n)), [2, 1]);
  const subscriptions = value(m, 'subscriptions');
  assert.equal(value(m, 'connections', { kind: 'websocket' }), 2);
  assert.equal(value(m, 'connected', { app_id: 'app1' }), 2);
  await a.close();
  await eventually(async () => value(await scrape(), 'connections', { kind: 'websocket' }) === 1, 'one left');
  m = await scrape();
  assert.deepEqual(['channels', 'users'].map((n) => value(m, n)), [1, 1]);
  assert.ok(value(m, 'subscriptions') < subscriptions);
  await b.close();
  await eventually(async () => value(await scrape(), 'users') === 0, 'nobody signed in');
  m = await scrape();
  assert.deepEqual(['channels', 'users', 'subscriptions'].map((n) => value(m, n)), [0, 0, 0]);
});

test('an event is timed once for each loop that has subscribers, not for each of them', async () => {
  const before = value(await scrape(), 'publish_to_write_seconds_count');
  const sockets = [];
  for (let i = 0; i < 12; i++) {
    sockets.push(await push.raw());
    await sockets[i].join('timed');
  }
  for (let i = 0; i < 10; i++) {
    await push.sdk().trigger('timed', 'e', { i });
  }
  for (const s of sockets) {
    for (let i = 0; i < 10; i++) {
      await s.next('e');
    }
  }
  await eventually(async () => value(await scrape(), 'publish_to_write_seconds_count') >= before + 10, 'the times');
  const m = await scrape();
  assert.ok(value(m, 'publish_to_write_seconds_count') <= before + 20);
  assert.ok(value(m, 'publish_to_write_seconds_sum') > 0);
  assert.ok(value(m, 'loop_turn_seconds_count') > 0);
  await push.sdk().trigger('nobody-is-here', 'e', {});
  assert.equal(value(await scrape(), 'publish_to_write_seconds_count'), value(m, 'publish_to_write_seconds_count'));
  await Promise.all(sockets.map((s) => s.close()));
});

test('closes are counted by their code, others with what is like them', async () => {
  const before = await scrape();
  const grown = async (code) => value(await scrape(), 'closes_total', { code }) - value(before, 'closes_total', { code });
  await push.refused(push.url(undefined, 'unknown'));
  await push.refused(push.url('protocol=99'));
  const s = await push.raw();
  s.ws.close(4777);
  await s.closed;
  const t = await push.raw();
  t.ws.terminate();
  await eventually(async () => await grown('4001') === 1 && await grown('4007') === 1 && await grown('4xxx') === 1 && await grown('1006') === 1, 'each in its place');
  const codes = before.get('soketi_closes_total').samples.map((x) => x.labels.code);
  for (const code of ['1000', '1002', '1009', '4000', '4009', '4100', '4200', '4201', '4202', '4301', '40xx', 'other']) {
    assert.ok(codes.includes(code), code);
  }
});

test('a slow reader is a drop, and its queue the longest so far', async () => {
  const before = value(await scrape(), 'drops_total', { reason: 'slow_reader' });
  const s = await push.raw();
  await s.join('flood');
  s.ws._socket.pause();
  const data = 'x'.repeat(9000);
  await eventually(async () => {
    for (let i = 0; i < 10; i++) {
      const batch = Array.from({ length: 10 }, () => ({ channel: 'flood', name: 'e', data }));
      assert.equal((await push.call('POST', '/batch_events', { body: { batch } })).status, 200);
    }
    return value(await scrape(), 'drops_total', { reason: 'slow_reader' }) === before + 1;
  }, 'the drop', 30000);
  const m = await scrape();
  assert.ok(value(m, 'queue_peak_bytes') > 64 * 1024);
  assert.equal(value(m, 'queued_bytes'), 0);
  s.ws.terminate();
});

test('what clients choose is in no label', async () => {
  const s = await push.raw({ url: push.url('protocol=7&client=hush-client&version=hush') });
  await s.join('hush-channel');
  s.signin({ id: 'hush-user' });
  await s.next('pusher:signin_success');
  await push.sdk().trigger('hush-channel', 'hush-event', 'hush');
  assert.doesNotMatch(await (await fetch(`${push.metrics}/metrics`)).text(), /hush/);
  await s.close();
});
