// SPDX-License-Identifier: Apache-2.0
//
// Searching messages: what is found and by whom, on either engine alike, before and
// after chat-push has put the words into its index.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from './lib/client.mjs';
import { engine, eventually, startSite } from './lib/site.mjs';

const site = await startSite({ extraConf: 'ChatSendRate off\nChatSearchRate off' });
const { conversations } = site.people();
const conv = conversations[0];
const theirs = conversations.find((c) => c.patient !== conv.patient && c.doctor !== conv.doctor);
const patient = await site.phone();
const doctor = await site.phone('doctor@example.com');
const admin = await site.phone('admin@example.com');
const anybody = new Client(site.url);
const url = (q, more = '') => `/chat/search?q=${encodeURIComponent(q)}${more}`;
const inside = (q, more = '') => `/chat/conversation/${conv.id}/search?q=${encodeURIComponent(q)}${more}`;

const isError = (r, status, field) => {
  assert.equal(r.status, status, r.text);
  assert.equal(typeof r.json.error, 'string');
  if (field) {
    assert.ok(Array.isArray(r.json.errors[field]), r.text);
  }
};

/** All that is found, following `next` to the end. */
async function all(who, path) {
  const found = [];
  for (let before = ''; ;) {
    const r = await who.get(path + before);
    assert.equal(r.status, 200, r.text);
    found.push(...r.json.data);
    if (r.json.next === null) {
      return found;
    }
    before = `&before=${r.json.next}`;
  }
}
const texts = async (who, path) => (await all(who, path)).map((f) => f.message.content);
const finds = async (q, who = doctor) => (await all(who, url(q))).map((f) => f.message.id);
const text = (s) => `'${s.replaceAll("'", "''")}'`;

/** A message by the database's own shell. @returns its id */
const insert = (body, c = conv) => Number(site.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
  VALUES (${c.patient}, ${c.doctor}, ${c.id}, ${text(body)}, 'text', ${site.time()}, ${site.time()}) RETURNING id;`).trim().split('\n')[0]);
const send = async (content) => {
  const r = await patient.post(`/chat/conversation/${conv.id}/message`, { content });
  assert.equal(r.status, 201, r.text);
  return r.json.message.id;
};

/** chat-push has put in all there is. */
async function indexed() {
  const last = Number(site.sql('SELECT max(id) FROM messages;').trim());
  await eventually(() => {
    const [low, high, changed] = site.sql('SELECT low, high, (SELECT count(*) FROM chat_search_changed) FROM chat_search_state;').trim().split('|').map(Number);
    return low === 0 && high >= last && changed === 0;
  }, 'everything indexed');
}

/** So many more messages, which nobody looks for. */
const pad = (n) => site.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${n})
  SELECT ${conv.patient}, ${conv.doctor}, ${conv.id}, 'padding ' || i, 'text', ${site.time()}, ${site.time()} FROM n;`);

/** Once with what the index has, and once more when it has all, behind so many newer
 * messages that only the index leads there. */
async function both(check) {
  await check('before the index');
  pad(600);
  await indexed();
  await check('with the index');
}

// --- the question -------------------------------------------------------------------

test('a question without a word, too long or with bytes that are none is refused', async () => {
  for (const q of ['', ' ', '"', '""', '!?*()', '((', '*', '-', 'ـ', '\u064b', '🦷', "'"]) {
    isError(await doctor.get(url(q)), 422, 'q');
    isError(await doctor.get(inside(q)), 422, 'q');
  }
  isError(await doctor.get('/chat/search'), 422, 'q');
  isError(await doctor.get(url('a'.repeat(201))), 422, 'q');
  isError(await doctor.get(url('ب'.repeat(201))), 422, 'q');
  isError(await doctor.get(url('a '.repeat(17))), 422, 'q');
  assert.equal((await doctor.get(url('ب'.repeat(200)))).status, 200);
  assert.equal((await doctor.get(url('a '.repeat(16)))).status, 200);
  for (const q of ['%00', 'a%00b', '%ff', '%c3', '%ed%a0%80', '%zz']) {
    isError(await doctor.get(`/chat/search?q=${q}`), 400);
  }
});

test('before and limit are numbers', async () => {
  for (const bad of ['0', '-1', 'x', '1.5', '99999999999999999999', '1 OR 1=1']) {
    isError(await doctor.get(url('a', `&before=${encodeURIComponent(bad)}`)), 422, 'before');
    isError(await doctor.get(url('a', `&limit=${encodeURIComponent(bad)}`)), 422, 'limit');
  }
  assert.equal((await doctor.get(url('a', '&before=&limit='))).status, 200);
  assert.equal((await doctor.get(url('a', '&limit=100000'))).status, 200);
});

test('nobody, strangers and ids that are none find nothing', async () => {
  isError(await anybody.get(url('a')), 401);
  isError(await anybody.get(inside('a')), 401);
  isError(await doctor.get('/chat/conversation/999999/search?q=a'), 404);
  isError(await patient.get(`/chat/conversation/${theirs.id}/search?q=a`), 404);
  for (const id of [theirs.id, '999999', 'x', '1%20OR%201', "'", '%22', 'a'.repeat(65)]) {
    isError(await patient.get(url('a', `&conversation=${id}`)), 404);
  }
  isError(await doctor.post('/chat/search?q=a', {}), 405);
});

// --- what is found --------------------------------------------------------------------

test('a message is found at once by all of its words, and by the beginning of the last', async () => {
  const id = await send('The quick brown fox jumps over the lazy dogs');
  await both(async (when) => {
    for (const q of ['fox', 'FOX', 'quick dogs', 'dogs quick', 'lazy do', 'qui', '"brown fox"', '"brown fox" qui', 'fox!', '(fox)', 'fox jumps "']) {
      assert.deepEqual(await finds(q), [id], `${q}, ${when}`);
    }
    for (const q of ['foxes', 'qui fox', '"fox brown"', '"brown fo"', 'wolf', 'fox wolf', 'ox']) {
      assert.deepEqual(await finds(q), [], `${q}, ${when}`);
    }
  });
});

test('nothing in a question is an operator', async () => {
  const id = await send('zeugma near column not or and words');
  await send('syllepsis');
  await both(async (when) => {
    for (const q of ['zeugma*', 'zeugma NOT words', 'zeugma & column', 'zeugma AND words', 'NEAR(zeugma column)', 'words:zeugma', '-zeugma', '^zeugma',
      "zeugma' OR '1'='1", 'zeugma";', '"zeugma', 'zeugma<->near', 'zeugma:*', '!zeugma', 'zeugma\\', "zeugma\\'", 'zeugma | near']) {
      const sure = { "zeugma' OR '1'='1": [], 'words:zeugma': [], 'NEAR(zeugma column)': [] }[q];
      assert.deepEqual(await finds(q), sure ?? [id], `${q}, ${when}`);
    }
    // Were it an operator, both would be found.
    assert.deepEqual(await finds('zeugma OR syllepsis'), [], when);
    assert.deepEqual(await finds('zeugma | syllepsis'), [], when);
  });
});

/** Texts, and questions that find each of them. */
const folded = [
  ['أحمد يشعر بألم في أسنانه', ['احمد', 'أحمد', 'إحمد', 'آحمد', 'ٱحمد', 'بالم', 'اسنان']],
  ['موعد مستشفى الرازي', ['مستشفي', 'مستشفى', 'الرازي', 'رازي', 'الرازى']],
  ['العيادة مغلقة', ['العياده', 'عيادة', 'عياده', 'مغلقه', 'العيا', 'عيا']],
  ['سؤال عن رئة', ['سوال', 'ريه', 'رئه', 'سؤال']],
  ['مُحَمَّدٌ بخير', ['محمد', 'مُحمد', 'محـــمد']],
  ['كتـــــاب جديد', ['كتاب']],
  ['الجرعة ٢٥٠ ملغ ۷ مرات', ['250', '٢٥٠', '7', '۷']],
  ['والطبيب قال', ['طبيب', 'الطبيب', 'والطبيب', 'للطبيب']],
  ['راجع طبيبك', ['طبيبك', 'طبيب']],
  ['Crème brûlée à Zürich', ['creme', 'BRULEE', 'zurich', 'Zu\u0308rich', 'CRÈME']],
  ['Straße in Łódź, smørrebrød', ['strasse', 'lodz', 'smorrebrod']],
  ['ΟΔΥΣΣΕΥΣ и ЁЛКА', ['οδυσσευς', 'елка', 'ёлка']],
  ['ｆｕｌｌ ｗｉｄｔｈ １２３', ['full width', '123']],
  ['ﻻ مشكلة', ['لا']],
  ["O'Neill wrote foo_bar@example.org", ["o'neill", 'neill', 'foo_bar', 'example.org', '"foo bar example"']],
  ['頭痛がひどい', ['頭痛', '痛がひ']],
  ['वह दिल्ली में है', ['दिल्ली']],
  ['x' .repeat(300), ['x'.repeat(150)]],
];

test('letters that are written in one another’s place are found by either', async () => {
  const ids = [];
  for (const [body] of folded) {
    ids.push(await send(body));
  }
  await both(async (when) => {
    for (const [i, [body, questions]] of folded.entries()) {
      for (const q of questions) {
        assert.ok((await finds(q)).includes(ids[i]), `${q} in ${body}, ${when}`);
      }
    }
    assert.ok(!(await finds('"foo example"')).includes(ids[14]));
    assert.ok(!(await finds('痛頭')).includes(ids[15]));
    assert.ok(!(await finds('دلي')).includes(ids[16]));
  });
});

test('the snippet says where, in UTF-16 code units, and is no HTML', async () => {
  const long = `${'begin '.repeat(60)}🦷🦷 <b>Needlework</b> & الإبرة ${'end '.repeat(80)}`.trim();
  const id = await send(long);
  const [found] = (await doctor.get(url('needlework ابرة'))).json.data;
  assert.equal(found.message.id, id);
  assert.equal(found.message.content, long);
  assert.deepEqual(Object.keys(found), ['message', 'conversation', 'snippet']);
  assert.equal(String(found.conversation.id), String(conv.id));
  const { text: part, marks, before, after } = found.snippet;
  assert.deepEqual([before, after], [true, true]);
  assert.ok(long.includes(part), part);
  assert.ok(part.length <= 161);
  assert.deepEqual(marks.map(([a, b]) => part.slice(a, b)), ['Needlework', 'الإبرة']);
  const short = await send('needlepoint');
  const [one] = (await doctor.get(url('needlep'))).json.data;
  assert.deepEqual([one.message.id, one.snippet], [short, { text: 'needlepoint', marks: [[0, 11]], before: false, after: false }]);
});

test('newest first, and next leads through all of them without a gap', async () => {
  const ids = [];
  for (let i = 0; i < 45; i++) {
    ids.push(insert(`caterpillar ${i}`));
  }
  await both(async (when) => {
    const first = (await doctor.get(url('caterpillar', '&limit=7'))).json;
    assert.equal(first.data.length, 7, when);
    assert.equal(first.next, first.data.at(-1).message.id);
    const seen = (await all(doctor, url('caterpillar', '&limit=7'))).map((f) => f.message.id);
    assert.deepEqual(seen, [...ids].reverse(), when);
    assert.deepEqual((await all(doctor, inside('caterpillar', '&limit=50'))).map((f) => f.message.id), seen, when);
  });
});

test('a changed message is found by its new text, a deleted one not at all', async () => {
  const [a, b, c] = [insert('hippopotamus one'), insert('hippopotamus two'), insert('hippopotamus three')];
  await indexed();
  site.sql(`UPDATE messages SET body = 'rhinoceros one' WHERE id = ${a};
    UPDATE messages SET deleted_at = ${site.time()} WHERE id = ${b};`);
  await both(async (when) => {
    assert.deepEqual(await finds('hippopotamus'), [c], when);
    assert.deepEqual(await finds('rhinoceros'), [a], when);
    assert.deepEqual(await finds('rhinoceros one'), [a], when);
    assert.deepEqual((await all(doctor, inside('rhinoceros'))).map((f) => f.message.id), [a], when);
  });
  site.sql(`UPDATE messages SET deleted_at = NULL WHERE id = ${b}; DELETE FROM messages WHERE id = ${c};`);
  await both(async (when) => {
    assert.deepEqual(await finds('hippopotamus'), [b], when);
  });
  const words = engine === 'pgsql' ? `SELECT count(*) FROM chat_search WHERE message_id = ${c};` : `SELECT count(*) FROM chat_search WHERE rowid = ${c};`;
  assert.equal(site.sql(words).trim(), '0'); // its words are kept nowhere
});

test('who is no member finds nothing of a conversation, from the moment on; staff finds all', async () => {
  const here = insert('pterodactyl here'), there = insert('pterodactyl there', theirs);
  await both(async (when) => {
    assert.deepEqual(await finds('pterodactyl'), [here], when);
    assert.deepEqual(await finds('pterodactyl', patient), [here], when);
    assert.deepEqual(await finds('pterodactyl', admin), [there, here], when);
    assert.deepEqual((await all(admin, url('pterodactyl', `&conversation=${theirs.id}`))).map((f) => f.message.id), [there], when);
    assert.deepEqual((await all(doctor, url('pterodactyl', `&conversation=${conv.id}`))).map((f) => f.message.id), [here], when);
  });
  const other = conversations.find((c) => c.doctor !== conv.doctor && c.doctor).doctor;
  site.sql(`UPDATE treatment_requests SET doctor_id = ${other} WHERE id = ${conv.id};`);
  assert.deepEqual(await finds('pterodactyl'), []);
  site.sql(`UPDATE treatment_requests SET doctor_id = ${conv.doctor} WHERE id = ${conv.id};`);
  assert.deepEqual(await finds('pterodactyl'), [here]);
  site.sql(`UPDATE treatment_requests SET deleted_at = ${site.time()} WHERE id = ${theirs.id};`);
  assert.deepEqual(await finds('pterodactyl', admin), [here]);
  site.sql(`UPDATE treatment_requests SET deleted_at = NULL WHERE id = ${theirs.id};`);
});

test('a database that had messages before is filled from the newest down', async () => {
  await indexed();
  const words = ['archaeopteryx', 'stegosaurus', 'triceratops'];
  const first = insert(`${words[0]} ${words[1]}`);
  const padding = (await all(doctor, url('padding', '&limit=50'))).length;
  pad(2500);
  const last = insert(`${words[0]} ${words[2]}`);
  await indexed();
  // As a migration leaves it.
  site.sql('DELETE FROM chat_search; UPDATE chat_search_state SET fold = 0;');
  await both(async (when) => {
    assert.deepEqual(await finds(words[0]), [last, first], when);
    assert.deepEqual(await finds(words[1]), [first], when);
    assert.deepEqual((await all(doctor, inside(words[1]))).map((f) => f.message.id), [first], when);
    const now = (await all(doctor, url('padding', '&limit=50'))).length;
    assert.equal(now, padding + (when.startsWith('before') ? 2500 : 3100), when);
  });
});

if (engine === 'sqlite') {
  test('a message whose bytes are no UTF-8 is found by what is', async () => {
    const id = Number(site.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
      VALUES (${conv.patient}, ${conv.doctor}, ${conv.id}, CAST(x'6d616d6d6f7468ff626f6e65' AS TEXT), 'text', ${site.time()}, ${site.time()}) RETURNING id;`).trim());
    await both(async (when) => {
      assert.deepEqual(await finds('mammoth'), [id], when);
      const [found] = (await doctor.get(url('bone'))).json.data;
      assert.deepEqual(found.snippet.marks.map(([a, b]) => found.snippet.text.slice(a, b)), ['bone'], when);
    });
  });
}
