// SPDX-License-Identifier: Apache-2.0
//
// Every operation of doc/openapi.yaml, right and wrong. What is asked follows from the
// contract: who may, ids, methods, each field and parameter with each wrong value. An
// operation without an example here fails, so a new route cannot be forgotten.
//
// What a probe is answered is held against the contract (lib/contract.mjs); none may be
// 5xx, and the error log may hold no word about any (lib/site.mjs).

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import { test } from 'node:test';
import { Client } from './lib/client.mjs';
import { check, fits, operations } from './lib/contract.mjs';
import { startSite } from './lib/site.mjs';
import { pdf } from './lib/upload.mjs';

const MAX_BODY = 16384; // ChatMaxBody here: room for what is too long for every field
const site = await startSite({
  extraConf: `ChatSendRate 6000 5000\nChatLoginRate off\nChatSearchRate 6000 5000\nChatUploadsAtOnce off\nChatRequestRate off\nChatBreakGlass 1h\nChatMaxBody ${MAX_BODY}`,
});
const { accounts, conversations } = site.people();
const conv = conversations[0];
const foreign = conversations.find((c) => c.patient !== conv.patient && c.doctor !== conv.doctor);
const emailOf = (id) => accounts.find((a) => a.user_id === id).email;

// --- people ---------------------------------------------------------------------------

/** Users of these names, with the password that all sample people have. */
function users(...names) {
  site.sql(names.map((n) => `INSERT INTO users (name, email, password, role) SELECT '${n}', '${n}@example.com', password, 'patient'
    FROM users WHERE email = 'patient@example.com';`).join('\n'));
  return names.map((n) => Number(site.sql(`SELECT id FROM users WHERE email = '${n}@example.com';`)));
}

/** Bearer tokens put into the table, as Sanctum does. */
function minted(user, list, seconds = 3600) {
  const made = list.map((abilities) => ({ abilities, plain: randomBytes(24).toString('hex') }));
  site.sql(made.map(({ abilities, plain }) => `INSERT INTO personal_access_tokens (tokenable_type, tokenable_id, name, token, abilities, expires_at)
    VALUES ('App\\Models\\User', ${user}, 'x', '${createHash('sha256').update(plain).digest('hex')}', '${JSON.stringify(abilities)}', ${site.time(seconds)});`).join('\n'));
  return made.map(({ plain }) => new Client(site.url, { token: plain }));
}

const [lodger, changer, leaver, extra, able, gone] = users('lodger', 'changer', 'leaver', 'extra', 'able', 'gone');
const adminId = accounts.find((a) => a.email === 'admin@example.com').user_id;
const anybody = new Client(site.url);
const one = (user) => minted(user, [['*']])[0];
const patient = one(conv.patient);
const doctor = one(conv.doctor);
const stranger = one(foreign.patient);
const otherDoctor = one(foreign.doctor);
const admin = one(adminId);
const lodging = one(lodger);
const changing = one(changer);
const browsers = new Map(await Promise.all([[conv.patient, emailOf(conv.patient)], [conv.doctor, emailOf(conv.doctor)], [lodger, 'lodger@example.com'],
  [changer, 'changer@example.com'], [leaver, 'leaver@example.com'], [adminId, 'admin@example.com']].map(async ([id, email]) => [id, await site.browser(email)])));
const ids = new Map([[patient, conv.patient], [doctor, conv.doctor], [admin, adminId], [lodging, lodger], [changing, changer]]);

const [expired] = minted(conv.patient, [['*']], -1);
const [revoked] = minted(conv.patient, [['*']]);
const suspended = one(gone);
for (const c of [revoked, suspended]) {
  assert.equal((await c.get('/chat/me')).status, 200, 'they were good once');
}
site.sql(`DELETE FROM personal_access_tokens WHERE token = '${createHash('sha256').update(revoked.token).digest('hex')}';
  UPDATE users SET status = 'suspended' WHERE id = ${gone};`);

// --- things ---------------------------------------------------------------------------

const base = (c = conv) => `/chat/conversation/${c.id}`;
async function made(client, path, body, name) {
  const r = await client.post(path, body);
  assert.equal(r.status, 201, r.text);
  return r.json[name].id;
}
const message = (content, client = patient, c = conv) => made(client, `${base(c)}/message`, { content }, 'message');
const plan = async (state, client = doctor, c = conv) => {
  const id = await made(client, `${base(c)}/plan`, { title: 'Crown', status: state === 'draft' ? 'draft' : 'submitted' }, 'plan');
  const what = { accepted: ['accept', patient], rejected: ['reject', patient], cancelled: ['cancel', doctor] }[state];
  if (what) {
    assert.equal((await what[1].post(`/chat/plan/${id}/${what[0]}`, {})).status, 200);
  }
  return id;
};
const file = async (client = patient, c = conv) => {
  const r = await client.post(`${base(c)}/attachment`, pdf(), { type: 'application/pdf', headers: { 'X-File-Name': 'a.pdf' } });
  assert.equal(r.status, 201, r.text);
  return r.json.attachment.id;
};
const sent = await file();
assert.equal((await patient.post(`${base()}/message`, { attachments: [sent] })).status, 201);
const things = {
  hello: await message('hello'), edited: await message('edited'), deleted: await message('deleted'), theirs: await message('theirs', stranger, foreign),
  draft: await plan('draft'), submitted: await plan('submitted'), accepted: await plan('accepted'), rejected: await plan('rejected'),
  cancelled: await plan('cancelled'), theirPlan: await plan('submitted', otherDoctor, foreign), sent, theirFile: await file(stranger, foreign),
};
const tokenId = (user) => Number(site.sql(`SELECT max(id) FROM personal_access_tokens WHERE tokenable_id = ${user};`));
/** How many things of a kind are made before they are asked away. */
const fresh = {
  token: (user) => { one(user); return tokenId(user); },
  session: async () => {
    const b = await site.browser('lodger@example.com');
    return (await b.get('/chat/sessions')).json.sessions.find((s) => s.current).id;
  },
  member: async () => { assert.ok([200, 201].includes((await doctor.post(`${base()}/members`, { user_id: extra })).status)); return extra; },
};

// --- examples ---------------------------------------------------------------------------
// as      who may; the patient when it is not said
// path    ids of the path's variables, or a function that makes them for one call
// body    a right one; of a GET, query
// status  of the right call
// once    it works only once for these ids: made anew for each call
// strange ids that are somebody else's, for a variable; in: whose id is asked about
// keep    do not send right values of these fields: what they do, others rely on
// without fields that may not stand beside one
// also    refusals that depend on more than a field's shape: {field: [statuses]}
const conversation = { path: { id: conv.id }, strange: { id: foreign.id } };
const about = (id) => ({ path: { id: conv.id, message: id }, strange: { id: foreign.id, message: things.theirs } });
const planned = (id, as = doctor) => ({ as, path: { id }, strange: { id: things.theirPlan } });
const credentials = { email: emailOf(conv.patient), password: 'password' };
const wrongPair = { email: [422], password: [422] };
/** Of a signed link, which are looked at together, and only where nobody is logged in. */
const link = (ok) => ({ user: [403, ...ok], expires: [403, ...ok], signature: [403, ...ok] });
const socket = { socket_id: '1.1', channel_name: `private-conversation.${conv.id}` };

const examples = {
  loginPage: {},
  login: { body: credentials, also: wrongPair },
  logout: { as: () => one(leaver), browser: leaver, body: {} },
  tokenCreate: { body: { ...credentials, device_name: 'phone', abilities: ['chat:read'], expires_at: '2099-01-01T00:00:00Z' }, status: 201, also: { ...wrongPair, expires_at: [422] } },
  tokenList: {},
  tokenEndOthers: { as: lodging, browser: leaver, body: {} },
  tokenEnd: { as: lodging, path: () => ({ id: fresh.token(lodger) }), strange: { id: tokenId(foreign.patient) }, once: true },
  sessionList: {},
  sessionEndOthers: { as: lodging, browser: leaver, body: {} },
  sessionEnd: { as: lodging, path: async () => ({ id: await fresh.session() }), strange: { id: '0'.repeat(32) }, once: true, browser: leaver },
  passwordChange: { as: changing, browser: leaver, body: { current_password: 'password', password: 'password', password_confirmation: 'password' }, keep: ['current_password', 'password'], also: { password_confirmation: [422], '*': [409] } },
  me: {},
  conversations: { also: { before: [422] } },
  conversation,
  messages: conversation,
  search: { query: { q: 'hello' }, also: { q: [422], conversation: [404] } },
  searchConversation: { ...conversation, query: { q: 'hello' }, also: { q: [422] } },
  messageSend: { ...conversation, body: { content: 'every route' }, status: 201, also: { type: [422], attachments: [422], reply_to: [422], client_id: [409] } },
  attachmentUpload: { ...conversation, raw: () => pdf(), type: 'application/pdf', headers: { 'X-File-Name': 'a.pdf' }, status: 201, also: { kind: [422] } },
  attachmentList: conversation,
  attachmentShow: { path: { id: things.sent }, strange: { id: things.theirFile }, also: link([200]) },
  attachmentDelete: { path: async () => ({ id: await file() }), strange: { id: things.theirFile }, once: true },
  attachmentThumb: { path: { id: things.sent }, strange: { id: things.theirFile }, status: 404, also: link([404]) },
  attachmentLink: { path: { id: things.sent }, strange: { id: things.theirFile } },
  messageShow: about(things.hello),
  messageEdit: { ...about(things.edited), body: { content: 'another' } },
  messageDelete: { ...about(things.deleted), body: {} },
  messageHistory: about(things.edited),
  reactionAdd: { ...about(things.hello), body: { emoji: '👍' }, also: { emoji: [422] } },
  reactionRemove: { ...about(things.hello), body: { emoji: '👍' }, also: { emoji: [422] } },
  messagesRead: { ...conversation, body: { message_ids: [things.hello] } },
  receiptsDelivered: { ...conversation, body: { up_to: things.hello } },
  receiptsShow: about(things.hello),
  membersList: conversation,
  membersAdd: { ...conversation, as: doctor, body: { user_id: extra }, without: { email: ['user_id'] }, statuses: [200, 201], also: { user_id: [422], email: [422] } },
  membersRemove: { as: doctor, path: async () => ({ id: conv.id, user: await fresh.member() }), strange: { id: foreign.id, user: foreign.patient }, once: true },
  typing: { ...conversation, body: { typing: true } },
  plans: conversation,
  planCreate: { ...conversation, as: doctor, body: { title: 'Crown', price_cents: 100, currency: 'USD' }, status: 201, also: { expires_at: [422], client_id: [409], currency: [422] } },
  plan: planned(things.submitted, patient),
  planEdit: { ...planned(things.draft), body: { title: 'Bridge' }, also: { expires_at: [422], currency: [422] } },
  planSubmit: { ...planned(things.submitted), body: {} },
  planAccept: { ...planned(things.accepted, patient), body: {} },
  planReject: { ...planned(things.rejected, patient), body: { reason: 'too dear' } },
  planCancel: { ...planned(things.cancelled), body: { reason: 'moved' } },
  planAcknowledge: { ...planned(things.submitted, patient), body: {} },
  breakGlass: { as: admin, path: { id: conv.id }, strange: { id: 999999998 }, body: { reason: 'asked for by the ward' }, status: 201, staff: true },
  sync: { also: { since: [422] } },
  channelAuth: { body: socket, also: { channel_name: [403, 422] } },
  channelAuthPusher: { body: socket, also: { channel_name: [403, 422] } },
  userAuth: { body: { socket_id: '1.1' } },
};

// --- asking ---------------------------------------------------------------------------

/** One request as it is written: fetch would put paths in order. */
function send(client, method, path, { body, type, headers = {}, accept = 'application/json' } = {}) {
  const h = { Accept: accept, Connection: 'close', ...(client.token && { Authorization: `Bearer ${client.token}` }),
    ...(client.cookie && { Cookie: client.cookie }), ...(client.csrf && method !== 'GET' && { 'X-CSRF-TOKEN': client.csrf }),
    ...(body !== undefined && { 'Content-Type': type ?? 'application/json', 'Content-Length': Buffer.byteLength(body) }), ...headers };
  for (const name of Object.keys(h)) {
    if (h[name] === null) {
      delete h[name];
    }
  }
  return new Promise((resolve, reject) => {
    const req = http.request({ host: '127.0.0.1', port: site.o.port, method, path, headers: h, agent: false, timeout: 30000 }, (res) => {
      const parts = [];
      res.on('data', (d) => parts.push(d)).on('error', reject).on('end', () => {
        const text = Buffer.concat(parts).toString();
        let json = null;
        try {
          json = JSON.parse(text);
        } catch {
          // a page
        }
        resolve({ status: res.statusCode, headers: new Headers(Object.entries(res.headers).flatMap(([k, v]) => [v].flat().map((x) => [k, x]))), text, json });
      });
    });
    req.on('timeout', () => req.destroy(new Error(`${method} ${path}: no answer within 30 s`)));
    req.on('error', reject);
    req.end(body);
  });
}

/** Do these at once, some at a time; what is wrong with any is said of all. */
async function probes(list) {
  const wrong = [];
  const left = [...list];
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (let probe = left.shift(); probe; probe = left.shift()) {
      const { client, method, path, wants, says = '', what, ...options } = probe;
      try {
        const r = await send(client, method, path, options);
        const name = `${what}: ${method} ${path.slice(0, 120)}: ${r.status} ${r.text.slice(0, 160)}`;
        assert.ok(r.status < 500, name);
        assert.ok(wants.includes(r.status), `${name}, not ${wants}`);
        assert.ok(r.text.includes(says), `${name}: does not say ${says}`);
        if (!/\/(\.|%2e)/i.test(path)) { // httpd takes dots away: it is another path
          check(method, path, r);
        }
        if (r.status >= 400 && probe.error !== false && method !== 'HEAD') {
          assert.equal(typeof r.json?.error, 'string', `${name}: has not the shape of an error`);
        }
        probe.then?.(r);
      } catch (e) {
        wrong.push(e.message);
      }
    }
  }));
  assert.ok(wrong.length === 0, `${wrong.length} of ${list.length}:\n${wrong.join('\n')}`);
}

const filled = (template, values) => template.replace(/\{([a-z_]+)\}/g, (_, name) => values[name]);
const queried = (path, query) => (Object.keys(query).length ? `${path}?${new URLSearchParams(query)}` : path);

/** An operation with its example, ready to be asked. */
function ready(op) {
  const example = examples[op.id];
  assert.ok(example, `${op.id} has no example in every-route.test.mjs`);
  const as = () => (typeof example.as === 'function' ? example.as() : example.as ?? patient);
  const known = typeof example.path === 'function' ? null : example.path ?? {};
  const values = async () => known ?? example.path();
  const payload = (body = example.body) => (example.raw
    ? { body: example.raw(), type: example.type, headers: example.headers }
    : body !== undefined && op.method !== 'GET' ? { body: JSON.stringify(body) } : {});
  const ok = example.statuses ?? [example.status ?? 200];
  /** What of a path that is refused before its ids are looked at. */
  const anyPath = () => queried(filled(op.template, known ?? { id: conv.id, user: extra, message: things.hello }), example.query ?? {});
  const rightPath = async () => queried(filled(op.template, await values()), example.query ?? {});
  return { op, example, as, ok, payload, anyPath, rightPath, open: (op.security ?? [1]).length === 0 };
}

const all = operations.map((op) => ({ name: `${op.method} ${op.template}`, op }));

test('every operation has an example, and every example an operation', () => {
  assert.deepEqual(Object.keys(examples).sort(), operations.map((o) => o.id).sort());
});

test('right calls are answered right, to a phone and to a browser', async () => {
  const wrong = [];
  for (const { op } of all) {
    const { example, as, ok, payload, rightPath, open } = ready(op);
    const client = as();
    // Exactly those that the contract names say what is left of a limit.
    const limited = (r) => {
      if (r.headers.has('ratelimit-limit') !== Boolean(op.responses[r.status].headers?.['RateLimit-Limit'])) {
        wrong.push(`${op.id} ${r.status}`);
      }
    };
    await probes([{ what: op.id, client, method: op.method, path: await rightPath(), wants: ok, error: false, ...payload(), then: limited }]);
    const browser = browsers.get(example.browser ?? ids.get(client));
    if (!open && browser && !['logout', 'sessionEnd'].includes(op.id)) {
      const { headers, ...rest } = payload();
      await probes([{ what: `${op.id} by a browser`, client: browser, method: op.method, path: await rightPath(), wants: ok, error: false, ...rest, headers: { ...headers, Origin: site.url } }]);
    }
  }
  assert.deepEqual(wrong, [], 'RateLimit headers');
});

test('nobody, and whoever was somebody once, is told to log in', async () => {
  await probes(all.map(({ op }) => ready(op)).filter((x) => !x.open).flatMap(({ op, payload, anyPath }) => [
    ...[['nobody', anybody], ['an expired token', expired], ['a revoked token', revoked], ['a suspended user', suspended],
      ['no token', new Client(site.url, { token: 'x' })], ['an unknown cookie', Object.assign(new Client(site.url), { cookie: 'chat_session=x', csrf: 'x' })]]
      .map(([what, client]) => ({ what, client, method: op.method, path: anyPath(), wants: [401], ...payload() })),
    { what: 'a browser', client: anybody, method: op.method, path: anyPath(), wants: [302], accept: 'text/html', ...payload(),
      then: (r) => assert.equal(new URL(r.headers.get('location'), site.url).pathname, '/chat/login') },
  ]));
});

test('a request by cookie needs the CSRF token and an Origin of ours', async () => {
  await probes(all.map(({ op }) => ready(op)).filter((x) => !x.open && x.op.method !== 'GET').flatMap(({ op, example, payload, anyPath }) => {
    const client = browsers.get(example.browser ?? conv.patient);
    return [['no token', { 'X-CSRF-TOKEN': null }], ['a wrong token', { 'X-CSRF-TOKEN': 'wrong' }], ['an empty token', { 'X-CSRF-TOKEN': '' }],
      ['another origin', { Origin: 'https://evil.example' }], ['no origin', { Origin: 'null' }], ['one that begins like ours', { Origin: `${site.url}.evil.example` }]]
      .map(([what, headers]) => {
        const p = payload();
        return { what, client, method: op.method, path: anyPath(), wants: [419], ...p, headers: { ...p.headers, ...headers } };
      });
  }));
  await probes(['https://evil.example', 'null'].map((origin) => ({ what: 'log-in from elsewhere', client: anybody, method: 'POST', path: '/chat/login',
    wants: [419], body: JSON.stringify(credentials), headers: { Origin: origin } })));
});

test('a token does what its abilities say', async () => {
  const abilities = ['chat:read', 'chat:write', 'chat:account'];
  for (const { op } of all) {
    const { open, payload, anyPath } = ready(op);
    const bearer = (op.security ?? []).find((s) => s.bearer)?.bearer;
    if (open) {
      continue;
    }
    assert.ok(Array.isArray(bearer), `${op.id}: the contract says no ability`);
    const needed = bearer[0];
    const tokens = minted(able, [...abilities.map((a) => [a]), []]);
    await probes([...abilities, 'none'].map((ability, i) => ({ what: `${op.id} with ${ability}`, client: tokens[i], method: op.method, path: anyPath(), error: false,
      wants: needed && needed !== ability ? [403] : [200, 201, 403, 404, 422], ...payload(),
      then: (r) => assert.equal(r.text.includes('lacks the ability'), Boolean(needed && needed !== ability), `${op.id} with ${ability}: ${r.status} ${r.text}`) }))
      .slice(op.id === 'tokenEndOthers' ? 3 : 0));
  }
});

// What has the form of an id and names nothing, and what has not.
const noSuch = ['999999999', '0', '-1', '007', 'abc', 'true', 'null', '18446744073709551617', '9223372036854775808', '1e3', '1_0', 'x'.repeat(64), 'a'.repeat(32), '0'.repeat(32)];
const noId = ['x'.repeat(65), 'x'.repeat(3000), '%00', '1%00', '%2e%2e', '..', '%2e', '1%2f2', '1%20', '%ff', '%d9%a1', '1;2', "1'", '%27%20or%201=1', '1,2', '%', '%zz', '%252e%252e', '1%0d%0aX:1'];

site.expectLog(/AH10244: invalid URI path/); // httpd's own, before any module
test('an id that names nothing is 404, and one of somebody else looks the same', async () => {
  for (const { op } of all.filter((x) => x.op.template.includes('{'))) {
    const { example, as, ok, payload } = ready(op);
    const names = [...op.template.matchAll(/\{([a-z_]+)\}/g)].map((m) => m[1]);
    const good = example.once ? { id: conv.id } : example.path;
    const client = as();
    for (const name of names) {
      const answers = [];
      const at = (value) => queried(filled(op.template, { ...good, [name]: value }), example.query ?? {});
      assert.ok(example.strange?.[name] !== undefined, `${op.id}: nobody else's ${name} is named`);
      const whose = example.staff ? [client] : [client, ...name === 'id' && !example.once && names.length === 1 ? [stranger] : []];
      await probes([
        ...[...noSuch, String(example.strange[name])].map((value) => ({ what: `${op.id}, ${name}`, client, method: op.method, path: at(value), wants: [404], ...payload(),
          then: (r) => answers.push([value, r.text, r.headers.get('content-type'), r.headers.get('etag')].slice(1).join('|')) })),
        ...whose.slice(1).map((c) => ({ what: `${op.id} by a stranger`, client: c, method: op.method, path: at(example.path[name]), wants: [404], ...payload(),
          then: (r) => answers.push([r.text, r.headers.get('content-type'), r.headers.get('etag')].join('|')) })),
        ...noId.map((value) => ({ what: `${op.id}, ${name}`, client, method: op.method, path: at(value), wants: /^(\.|%2e)/.test(value) ? [...ok, 302, 400, 404, 405] : [400, 404, 405], error: false, ...payload() })),
      ]);
      assert.equal(new Set(answers).size, 1, `${op.id}, ${name}: what is not there can be told from what is somebody else's: ${[...new Set(answers)].join('\n')}`);
    }
  }
});

test('other methods are 405 and hear which there are', async () => {
  const paths = new Map();
  for (const { op } of all) {
    paths.set(op.template, [...paths.get(op.template) ?? [], op]);
  }
  await probes([...paths].flatMap(([, ops]) => {
    const { anyPath } = ready(ops[0]);
    const has = ops.flatMap((o) => (o.method === 'GET' ? ['GET', 'HEAD'] : [o.method])).sort();
    return ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'LOCK'].filter((m) => !has.includes(m)).flatMap((method) => [anybody, patient].map((client) => ({
      what: 'another method', client, method, path: anyPath(), wants: [405],
      then: (r) => assert.deepEqual(r.headers.get('allow')?.split(', ').sort(), has, `${method} ${ops[0].template}`) })));
  }));
});

test('HEAD says what GET says, without a body', async () => {
  await probes(all.filter((x) => x.op.method === 'GET').map(({ op }) => ready(op)).map(({ op, as, ok, anyPath }) => ({
    what: op.id, client: as(), method: 'HEAD', path: anyPath(), wants: ok, then: (r) => assert.equal(r.text, '') })));
});

test('a list that has not changed is 304', async () => {
  for (const { op } of all) {
    const { as, anyPath } = ready(op);
    if (op.method !== 'GET' || !op.responses[200]?.headers?.ETag) {
      continue;
    }
    let r;
    for (let i = 0; i < 5 && r?.status !== 304; i++) { // that it was asked for may show in it
      const tag = (await as().get(anyPath())).headers.get('etag');
      assert.match(tag ?? '', /^"[0-9a-f-]+"$/, op.id);
      r = await as().get(anyPath(), { headers: { 'If-None-Match': tag } });
    }
    assert.equal(r.status, 304, op.id);
    assert.equal((await as().get(anyPath(), { headers: { 'If-None-Match': '"no"' } })).status, 200, op.id);
  }
});

test('bodies that are none are refused, whatever they are for', async () => {
  const deep = (n) => '{"a":'.repeat(n) + '1' + '}'.repeat(n);
  await probes(all.map(({ op }) => ready(op)).filter((x) => x.op.method !== 'GET' && !x.example.raw).flatMap(({ op, as, anyPath }) => {
    const client = op.id === 'logout' ? patient : as();
    const ask = (what, wants, body, type) => ({ what: `${op.id}, ${what}`, client, method: op.method, path: anyPath(), wants, body, type });
    return [
      ask('no JSON', [400], '{'), ask('text behind it', [400], '{} x'), ask('two', [400], '{}{}'), ask('a name twice', [400], '{"content":"a","content":"b"}'),
      ask('too deep', [400], deep(2000)), ask('lists too deep', [400], `{"a":${'['.repeat(4000)}${']'.repeat(4000)}}`), ask('NaN', [400], '{"a":NaN}'), ask('1e999', [400], '{"a":1e999}'), ask('a number too large', [400], '{"a":99999999999999999999}'),
      ask('bad UTF-8', [400], Buffer.from('{"a":"\xff"}', 'latin1')), ask('an overlong slash', [400], Buffer.from('{"a":"\xc0\xaf"}', 'latin1')), ask('half a surrogate', [400], '{"a":"\\ud800"}'), ask('a NUL', [400], '{"a":"\\u0000"}'), ask('a raw NUL', [400], '{"a":"\0"}'),
      ask('a list', [422], '[]'), ask('a text', [422, 400], '"x"'), ask('a number', [422, 400], '1'), ask('null', [422, 400], 'null'),
      ask('too large', [413], `{"a":"${'x'.repeat(MAX_BODY)}"}`), ask('text', [415], '{}', 'text/plain'), ask('XML', [415], '<a/>', 'application/xml'), ask('a broken type', [415], '{}', ';;'),
      ask('a broken form', [400], 'a=%zz', 'application/x-www-form-urlencoded'), ask('a form with a NUL', [400], 'a=%00', 'application/x-www-form-urlencoded'), ask('a form in Latin-1', [400], 'a=%ff', 'application/x-www-form-urlencoded'),
      { ...ask('too large, by its word', [413], undefined), headers: { 'Content-Type': 'application/json', 'Content-Length': String(MAX_BODY * 100) }, body: `{"a":"${'x'.repeat(MAX_BODY * 100 - 8)}"}` },
    ];
  }));
});

// Values as JSON has them. Of the first kind the schema says whether they will do.
const shaped = [5, 0, -1, 1.5, 1e300, 9007199254740993, [], ['a'], [[]], [{}], [null], {}, { a: 1 }, null, true, false, '', ' ', '\t\n', 'x'.repeat(12000), '\u202e', '-1', '1.5', '٣', "' OR 1=1 --", '<b>'];
const never = ['1e999', '-1e999', '99999999999999999999999', '"a\\u0000b"', '"\\ud800"', '"\\udc00x"', '"\0"', Buffer.from('"\xff"', 'latin1'), Buffer.from('"\xed\xa0\x80"', 'latin1'), '01', "'x'", 'undefined'];

test('each field of each body is looked at', async () => {
  const list = [];
  for (const { op } of all.filter((x) => x.op.body && Object.keys(x.op.body.fields).length)) {
    const { example, as, ok, anyPath } = ready(op);
    const client = as();
    const ask = (what, wants, body) => ({ what: `${op.id}, ${what}`, client, method: op.method, path: anyPath(), wants, body, error: false });
    for (const [field, at] of Object.entries(op.body.fields)) {
      const also = [...example.also?.[field] ?? [], ...example.also?.['*'] ?? []];
      const rest = { ...example.body };
      const needed = op.body.required.includes(field);
      for (const name of [field, ...example.without?.[field] ?? []]) {
        delete rest[name];
      }
      list.push(ask(`no ${field}`, needed ? [422] : [...ok, ...also, 422], JSON.stringify(rest)));
      for (const value of shaped) {
        const good = fits(at, value);
        if (!good || !example.keep?.includes(field)) {
          list.push(ask(`${field} ${JSON.stringify(value).slice(0, 40)}`, !needed && (value === null || value === '') ? [...ok, ...also, 422] : good ? [...ok, ...also] : [422], JSON.stringify({ ...rest, [field]: value })));
        }
      }
      for (const text of never) {
        const [head, tail] = [JSON.stringify(rest).replace(/\}$/, Object.keys(rest).length ? ',' : ''), '}'];
        list.push(ask(`${field} ${String(text)}`, [400], Buffer.concat([Buffer.from(`${head}"${field}":`), Buffer.from(text), Buffer.from(tail)])));
      }
    }
  }
  await probes(list);
});

test('each parameter of each query is looked at', async () => {
  const texts = ['', ' ', '0', '-1', '1', '1.5', '1e3', '0x10', '007', 'abc', '99999999999999999999', '9223372036854775807', 'x'.repeat(3000), "' OR 1=1 --", '٣', 'null', 'true', '\u202e'];
  const list = [];
  for (const { op } of all) {
    const { example, as, ok, anyPath, payload } = ready(op);
    for (const { name, at, schema, required } of op.parameters.filter((p) => p.in === 'query')) {
      const path = anyPath();
      const [own, args = ''] = path.split('?');
      const others = new URLSearchParams(args);
      others.delete(name);
      const ask = (text, wants) => list.push({ what: `${op.id}, ${name}`, client: as(), method: op.method, path: `${own}?${[String(others), `${name}=${text}`].filter(Boolean).join('&')}`, wants, error: false, ...payload() });
      for (const text of texts) {
        const value = schema.type === 'integer' && /^-?[0-9]+$/.test(text) ? Number(text) : text;
        ask(encodeURIComponent(text), [...text === '' && !required ? ok : [], ...fits(at, value) ? ok : [422], ...example.also?.[name] ?? []]);
      }
      for (const text of ['%00', '%ff', '%', '%zz', '%c0%af', '%ed%a0%80']) {
        ask(text, [400]);
      }
    }
  }
  await probes(list);
});

test('a client_id that was used is the same again, and other content with it is 409', async () => {
  for (const [client, path, body] of [[patient, `${base()}/message`, { content: 'once', client_id: 'r1' }], [doctor, `${base()}/plan`, { title: 'Once', client_id: 'r1' }]]) {
    const first = await client.post(path, body);
    const again = await client.post(path, body);
    assert.equal(first.status, 201, first.text);
    assert.deepEqual([again.status, again.json], [201, first.json]);
    for (const [field, value] of Object.entries(body).filter(([f]) => f !== 'client_id')) {
      const other = await client.post(path, { ...body, [field]: `${value} more` });
      assert.equal(other.status, 409, other.text);
      assert.equal(typeof other.json.error, 'string');
    }
  }
});

test('in a closed consultation is read and nothing is written', async () => {
  const writes = { messageSend: 403, attachmentUpload: 403, messageEdit: 403, reactionAdd: 403, reactionRemove: 403, typing: 403, planCreate: 403 };
  const status = site.sql(`SELECT status FROM treatment_requests WHERE id = ${conv.id};`).trim();
  site.sql(`UPDATE treatment_requests SET status = 'completed' WHERE id = ${conv.id};`);
  for (const { op } of all) {
    const { as, ok, payload, anyPath } = ready(op);
    if (op.template.includes('/conversation/{id}') && (op.method === 'GET' || writes[op.id])) {
      await probes([{ what: `${op.id}, closed`, client: as(), method: op.method, path: anyPath(), wants: writes[op.id] ? [writes[op.id]] : ok, ...payload() }]);
    }
  }
  const draft = await doctor.post(`/chat/plan/${things.draft}/submit`, {});
  assert.equal(draft.status, 403, draft.text);
  site.sql(`UPDATE treatment_requests SET status = '${status}' WHERE id = ${conv.id};`);
});

test('a form does what JSON does', async () => {
  const forms = all.filter(({ op }) => op.requestBody?.content['application/x-www-form-urlencoded'] && examples[op.id].body);
  assert.ok(forms.length >= 15);
  await probes(forms.filter(({ op }) => !['logout', 'sessionEnd'].includes(op.id)).map(({ op }) => {
    const { example, as, ok, anyPath } = ready(op);
    const fields = Object.entries(example.body).filter(([field]) => field !== 'abilities') // a list of texts: JSON alone
      .flatMap(([field, value]) => (Array.isArray(value) ? value.map((v) => [`${field}[]`, v]) : [[field, value]]));
    return { what: op.id, client: as(), method: op.method, path: anyPath(), wants: [...ok, ...example.also?.['*'] ?? []], type: 'application/x-www-form-urlencoded', body: new URLSearchParams(fields).toString() };
  }));
});
