// SPDX-License-Identifier: Apache-2.0
//
// `make soak-routes`: every URL of mod_chat/routes.def again and again, over connections
// that are kept, so that what a request leaves in its connection's memory or its thread's
// adds up. In phases of ROUTE_REQUESTS (1500) requests or PHASE_MS: memory goes up in steps while
// buffers grow to what is needed, and then stays; what leaks goes up in each phase. ONLY
// (a regular expression) picks routes. A route without a line here fails.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../../dev/site.mjs';
import { servers, written } from '../site/lib/process.mjs';
import { startSite } from '../site/lib/site.mjs';
import { form, pdf } from '../site/lib/upload.mjs';

const REQUESTS = Number(process.env.ROUTE_REQUESTS || 1500);
const PHASE_MS = 3000;
const PHASES = 8;
const LEAK = 16; // bytes a request; what is less is not seen
const NOISE = 24; // kB; pages that the allocator takes
const AT_ONCE = 4;

const site = await startSite({
  extraConf: `ChatSendRate off\nChatLoginRate off\nChatRequestRate off\nChatBreakGlass 1h\nMaxKeepAliveRequests 0
<IfModule !prefork.c>\nThreadsPerChild 8\nMinSpareThreads 1\nMaxSpareThreads 8\nMaxRequestWorkers 8\n</IfModule>`,
});
const { conversations } = site.people();
const conv = conversations[0];
const phone = () => site.phone();
const [patient, doctor, admin, leaver] = [await phone(), await site.phone('doctor@example.com'), await site.phone('admin@example.com'), await phone()];
const foreign = conversations.find((c) => c.patient !== conv.patient && c.doctor !== conv.doctor);
const base = `/chat/conversation/${conv.id}`;
const made = async (client, url, body, name, options) => (await client.post(url, body, options)).json[name].id;
const message = await made(patient, `${base}/message`, { content: 'a text that is looked at' }, 'message');
const deleted = await made(patient, `${base}/message`, { content: 'gone' }, 'message');
const raw = { type: 'application/pdf', headers: { 'X-File-Name': 'a.pdf' } };
const file = await made(patient, `${base}/attachment`, pdf(2000), 'attachment', raw);
assert.equal((await patient.post(`${base}/message`, { attachments: [file] })).status, 201);
const plan = await made(doctor, `${base}/plan`, { title: 'Crown', status: 'submitted' }, 'plan');
const draft = await made(doctor, `${base}/plan`, { title: 'Bridge', status: 'draft' }, 'plan');

let n = 0;
const nobody = { token: null };
const pair = { email: 'patient@example.com', password: 'password' };
const socket = { socket_id: '1.1', channel_name: `private-conversation.${conv.id}` };
const two = form([{ name: 'content', value: 'two' }, { name: 'files[]', file: 'b.pdf', type: 'application/pdf', bytes: pdf(3000) }]);

/* By route; without more the patient asks, about the conversation and the message above.
 * Several lines: one after the other. */
const asks = {
  'GET /chat/login': { as: nobody, accept: 'text/html' },
  'POST /chat/login': { as: nobody, body: () => pair },
  'POST /chat/logout': { as: leaver, body: () => ({}) },
  'POST /chat/token': { as: nobody, body: () => ({ ...pair, password: 'wrong' }) },
  'GET /chat/tokens': {},
  'DELETE /chat/tokens': { as: admin },
  'DELETE /chat/tokens/{id}': { id: 999999 },
  'GET /chat/sessions': {},
  'DELETE /chat/sessions': { as: admin },
  'DELETE /chat/sessions/{id}': { id: '0'.repeat(32) },
  'POST /chat/password': { body: () => ({ current_password: 'wrong', password: 'password' }) },
  'GET /chat/me': {},
  'GET /chat/sync': { query: () => `?since=${encodeURIComponent(cursor)}` },
  'GET /chat/search': { query: () => '?q=text' },
  'GET /chat/conversation/{id}/search': { query: () => '?q=looked' },
  'GET /chat': {},
  'GET /chat/conversation/{id}': {},
  'GET /chat/conversation/{id}/messages': {},
  'POST /chat/conversation/{id}/message': [{ body: () => ({ content: `text ${++n}`, client_id: `r.${n}` }) },
    { body: () => two.body, type: two.type, few: true }],
  'GET /chat/conversation/{id}/message/{message}': {},
  'PATCH /chat/conversation/{id}/message/{message}': { body: () => ({ content: `text ${++n % 2}` }), few: true },
  'DELETE /chat/conversation/{id}/message/{message}': { message: deleted },
  'GET /chat/conversation/{id}/message/{message}/history': {},
  'PUT /chat/conversation/{id}/message/{message}/reaction': { as: doctor, body: () => ({ emoji: '👍' }) },
  'DELETE /chat/conversation/{id}/message/{message}/reaction': { as: doctor, body: () => ({ emoji: '👍' }) },
  'POST /chat/conversation/{id}/attachment': { body: () => pdf(2000), ...raw, few: true },
  'GET /chat/conversation/{id}/attachments': {},
  'GET /chat/attachment/{id}': [{ id: file }, { id: file, headers: { Range: 'bytes=5-99,200-300,-10' } }],
  'GET /chat/attachment/{id}/thumb': { id: file },
  'DELETE /chat/attachment/{id}': { id: '0'.repeat(32) },
  'POST /chat/attachment/{id}/link': { id: file, body: () => ({}) },
  'POST /chat/conversation/{id}/read': { body: () => ({}) },
  'POST /chat/conversation/{id}/delivered': { body: () => ({}) },
  'GET /chat/conversation/{id}/message/{message}/receipts': {},
  'GET /chat/conversation/{id}/members': {},
  'POST /chat/conversation/{id}/members': { as: doctor, body: () => ({ user_id: foreign.patient }) },
  'DELETE /chat/conversation/{id}/members/{user}': { as: doctor },
  'POST /chat/conversation/{id}/typing': { body: () => ({ typing: true }) },
  'GET /chat/conversation/{id}/plans': {},
  'POST /chat/conversation/{id}/plan': { as: doctor, body: () => ({ title: 'Crown', status: 'draft', client_id: `r.${++n}` }), few: true },
  'GET /chat/plan/{id}': { id: plan },
  'PATCH /chat/plan/{id}': { as: doctor, id: draft, body: () => ({ title: `Bridge ${++n}` }) },
  'POST /chat/plan/{id}/submit': { as: doctor, id: draft, body: () => ({}) },
  'POST /chat/plan/{id}/accept': { id: plan, body: () => ({}) },
  'POST /chat/plan/{id}/reject': { id: plan, body: () => ({}) },
  'POST /chat/plan/{id}/cancel': { as: doctor, id: plan, body: () => ({}) },
  'POST /chat/plan/{id}/acknowledge': { id: plan, body: () => ({}) },
  'POST /chat/conversation/{id}/break-glass': { as: admin, body: () => ({ reason: 'to see what it costs' }), few: true },
  'POST /broadcasting/auth': { body: () => socket },
  'POST /pusher/auth': { body: () => socket },
  'POST /pusher/user-auth': { body: () => socket },
};
const { cursor } = (await patient.get('/chat/sync')).json;

const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE });

/** @return the status, when the answer is read */
function ask(method, where, o) {
  const as = o.as ?? patient;
  const body = o.body?.();
  const bytes = body === undefined || body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const r = http.request(site.url + where, {
      method, agent,
      headers: {
        Accept: o.accept ?? 'application/json', ...(as.token && { Authorization: `Bearer ${as.token}` }),
        ...(bytes && { 'Content-Type': o.type ?? 'application/json', 'Content-Length': bytes.length }), ...o.headers,
      },
    }, (answer) => answer.resume().once('end', () => resolve(answer.statusCode)));
    r.once('error', reject).end(bytes);
  });
}

const memory = () => servers(site.httpd.pid).reduce((sum, pid) => sum + written(pid), 0);

/** @return how many requests there were */
async function phase(method, pattern, o, statuses) {
  const limit = o.few ? REQUESTS / 5 : REQUESTS;
  const until = Date.now() + PHASE_MS;
  let asked = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (asked < limit && Date.now() < until) {
      asked += 1;
      const where = pattern.replace('{id}', o.id ?? conv.id).replace('{message}', o.message ?? message).replace('{user}', foreign.patient) + (o.query?.() ?? '');
      const status = await ask(method, where, o);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  }));
  return asked;
}

const table = [...fs.readFileSync(path.join(root, 'mod_chat', 'routes.def'), 'utf8').matchAll(/^ROUTE\(M_(\w+),\s+"([^"]+)"/gm)];
assert.ok(table.length > 40);
for (const [, method, pattern] of table) {
  const route = `${method} ${pattern}`;
  if (!new RegExp(process.env.ONLY || '').test(route)) {
    continue;
  }
  test(route, async () => {
    assert.ok(asks[route], 'it has a line in test/soak/routes.mjs');
    for (const o of [asks[route]].flat()) {
      const statuses = {};
      const grown = [];
      await phase(method, pattern, o, statuses);
      let flat = false;
      for (let i = 0; i < PHASES && !flat; i++) {
        const before = memory();
        const asked = await phase(method, pattern, o, statuses);
        grown.push(memory() - before);
        flat = grown.at(-1) <= Math.max(NOISE, asked * LEAK / 1024);
      }
      console.log(`${route}: ${Object.entries(statuses).map(([s, k]) => `${k} × ${s}`).join(', ')}; kB more in each phase: ${grown.join(', ')}`);
      assert.ok(flat, `it grows with each phase: ${grown.join(', ')} kB`);
      assert.ok(Object.keys(statuses).every((s) => s < 500), JSON.stringify(statuses));
    }
  });
}
