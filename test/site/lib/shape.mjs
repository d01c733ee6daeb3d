// SPDX-License-Identifier: Apache-2.0
//
// A message is one object wherever it is shown: the answers' JSON is made in C
// (mod_chat/pure/shape.c), the event's in the trigger. Here both are made of the
// same messages, written in every way there is, and must be equal.

import assert from 'node:assert/strict';
import { collect, connect, subscribed } from './pusher.mjs';
import { eventually } from './site.mjs';

const controls = Array.from({ length: 31 }, (_, i) => String.fromCharCode(i + 1)).join('');

/** Texts that JSON, SQL, HTML or a driver might write in another way. */
export const awkward = [
  'plain',
  'say "yes" or \'no\', ""',
  'back\\slash \\n \\u0041 \\\\ \\"',
  `<${controls}\x7f>`,
  'line\u2028paragraph\u2029next\u0085no-break\u00a0end',
  '🦷 👩‍⚕️ 🇯🇴 𝒳 \u{10ffff} \ufffe \ufeff \ufffd',
  'مرحبًا، كيف حالك؟ \u200f(!)\u200e \u061c',
  '</script><!-- <script>alert(1)</script> ]]> &amp; & /\\/',
  '{"json":[1,null]}',
  '%s %n $1 ?1 :x {} {"a"} NULL',
  'null',
  '\u202e🦷'.repeat(1000),
];
export const names = ['O\'Brien "the\\tooth" </script> مريم 🦷\u2028\t', 'Dr. {"x":1} \\\\ %s'];

const BORN_READ = 'born read'; // of which read_at may be no time

const literal = (text) => `'${text.replaceAll("'", "''")}'`;

/** All messages that a reader finds page by page, by id. */
async function pages(client, url, per = 50) {
  const found = new Map();
  for (let at = `${url}?per_page=${per}`; at;) {
    const { json } = await client.get(at);
    json.data.forEach((m) => found.set(m.id, m));
    const next = json.next_page_url;
    at = next && next.slice(next.indexOf('/chat/'));
  }
  return found;
}

/** The same by message ids, in either direction. */
async function walk(client, url, way) {
  const found = new Map();
  for (let id = way === 'before' ? Number.MAX_SAFE_INTEGER : 0; id !== null;) {
    const { json } = await client.get(`${url}?${way}=${id}&per_page=7`);
    json.data.forEach((m) => found.set(m.id, m));
    id = json.has_more ? json[`next_${way}`] : null;
  }
  return found;
}

/** What sync tells since a cursor: messages by id. */
async function synced(client, cursor) {
  const found = new Map();
  for (let status = 'more'; status === 'more';) {
    const { json } = await client.get(`/chat/sync?limit=50&since=${encodeURIComponent(cursor)}`);
    json.events.filter((e) => e.event === 'MessageSent').forEach((e) => found.set(e.data.message.id, e.data.message));
    ({ cursor, status } = json);
  }
  return found;
}

/**
 * Write messages and hold against each other what shows them.
 * @param {object} o
 * @param o.site
 * @param {Client[]} o.writers  who POST: by token, by session; all in the conversation
 * @param {Client} o.reader     a phone of the other one's, to whom all is written
 * @param {Client[]} o.readers  more clients that may read, by other ways
 * @param o.talk                the conversation's id
 * @param {string} o.channel    the reader's own channel
 * @param {Function} o.row      (SQL for the body, SQL for created_at, for read_at) gives
 *                              an INSERT of another program's
 * @param {string[]} o.times    SQL for created_at, as such programs write it
 * @param {string[]} [o.odd]    SQL for bodies that are no text
 * @param {string[]} [o.before] what such a program says before it writes
 */
export async function oneShape({ site, writers, reader, readers, talk, channel, row, times, odd = [], before = [] }) {
  const url = `/chat/conversation/${talk}/messages`;
  const start = (await reader.get('/chat/sync')).json.cursor;
  const pusher = connect(site, reader);
  try {
    const own = collect(await subscribed(pusher, channel), 'MessageSent');
    const talks = await subscribed(pusher, `private-conversation.${talk}`);
    const [shared, read] = [collect(talks, 'MessageSent'), collect(talks, 'MessageRead')];

    // Ours: each text alone, again under its client_id, and all at the same time.
    const answers = [];
    const send = async (client, content, client_id) => {
      const r = await client.post(`/chat/conversation/${talk}/message`, { content, ...(client_id && { client_id }) });
      assert.equal(r.status, 201, r.text);
      assert.equal(r.json.message.content, content);
      assert.equal(r.json.message.client_id, client_id ?? null);
      answers.push(r.json.message);
    };
    for (const [w, client] of writers.entries()) {
      for (const [i, content] of awkward.entries()) {
        const id = i % 2 ? `shape.${w}:${i}_A-z` : undefined;
        await send(client, content, id);
        if (id) {
          await send(client, content, id);
        }
      }
    }
    await Promise.all(awkward.flatMap((content) => writers.map((client) => send(client, content))));
    const ours = new Set(answers.map((m) => m.id)).size;
    assert.equal(ours, writers.length * 2 * awkward.length, 'a retry is no message more');

    // Another program's.
    const bodies = [...awkward.map(literal), ...odd];
    const foreign = [
      ...bodies.map((body, i) => row(body, times[i % times.length], 'NULL')),
      ...times.filter((time) => time !== 'NULL').map((time) => row(`'${BORN_READ}'`, time, time)),
    ];
    site.sql([...before, ...foreign].join('\n'));
    const all = ours + foreign.length;
    await eventually(() => own.length >= all && shared.length >= all, 'all messages, pushed');
    const told = new Map(own.map((e) => [e.message.id, e.message]));
    assert.equal(told.size, all);
    const foreignTexts = [...told.values()].slice(ours).map((m) => m.content);
    assert.deepEqual(foreignTexts.slice(0, awkward.length), awkward);

    const equal = (found, what) => {
      for (const [id, message] of told) {
        assert.deepEqual(found.get(id), message, `${what}: message ${id}`);
        assert.deepEqual(Object.keys(found.get(id)), Object.keys(message), `${what}: the order of keys`);
      }
    };
    answers.forEach((m) => assert.deepEqual(m, told.get(m.id), 'the answer to POST'));
    equal(new Map(shared.map((e) => [e.message.id, e.message])), "the conversation's channel");
    equal(await synced(reader, start), 'sync');
    for (const [i, client] of [...writers, reader, ...readers].entries()) {
      equal(await pages(client, url), `pages of client ${i}`);
      equal(await pages(client, url, 7), `small pages of client ${i}`);
      equal(await walk(client, url, 'before'), `before, of client ${i}`);
      equal(await walk(client, url, 'after'), `after, of client ${i}`);
      const newest = [...told.values()].at(-1);
      const { conversations } = (await client.get('/chat')).json;
      assert.deepEqual(conversations.find((c) => c.id === talk).last_message, newest, 'the list');
    }
    // Whoever wrote them marks none of them by looking, but what the other one wrote before.
    const { json } = await writers[0].get(`/chat/conversation/${talk}`);
    const shown = json.messages.data.filter((m) => told.has(m.id));
    shown.forEach((m) => assert.deepEqual(m, told.get(m.id), 'the conversation'));
    assert.ok(shown.length > 0);

    // Read: that it was is the only difference, and when is what the event says.
    const unread = [...told.values()].filter((m) => m.content !== BORN_READ);
    await reader.post(`/chat/conversation/${talk}/read`, {});
    const theirs = await eventually(() => read.find((e) => channel.endsWith(`.${e.user_id}`)), 'MessageRead');
    assert.deepEqual([...told.keys()].filter((id) => theirs.message_ids.includes(id)), unread.map((m) => m.id));
    assert.match(theirs.read_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    unread.forEach((m) => told.set(m.id, { ...m, read_at: theirs.read_at }));
    equal(await pages(reader, url), 'pages of what was read');

    // Those that say more than their row: answers, edits, reactions, deletions, with the
    // same texts; whoever changed them, the last event shows what the pages do.
    const changed = ['MessageEdited', 'MessageDeleted'].map((name) => collect(talks, name));
    const some = [...told.values()].filter((m) => awkward.includes(m.content) && m.user_id === answers[0].user_id).slice(0, awkward.length);
    for (const [i, m] of some.entries()) {
      const { json } = await writers[0].post(`/chat/conversation/${talk}/message`, { content: awkward[i], reply_to: m.id });
      told.set(json.message.id, json.message);
    }
    const answered = await eventually(() => shared.length >= all + some.length && shared.slice(-some.length), 'the answers');
    answered.forEach((e) => assert.deepEqual(e.message, told.get(e.message.id), 'an answer'));
    site.sql([...before, ...some.map((m, i) => (i % 3 === 0
      ? `UPDATE messages SET deleted_at = ${site.time()} WHERE id = ${m.id};`
      : `UPDATE messages SET body = ${literal(awkward[(i + 1) % awkward.length])} WHERE id = ${m.id};`))].join('\n'));
    await eventually(() => changed[0].length + changed[1].length >= some.length, 'the changes');
    changed.flat().forEach((e) => told.set(e.message.id, e.message));
    for (const m of answered) { // what they quote has changed since
      told.set(m.message.id, (await reader.get(`/chat/conversation/${talk}/message/${m.message.id}`)).json.message);
    }
    for (const client of [reader, ...writers, ...readers]) {
      equal(await pages(client, url), 'pages of what was changed');
      equal(await walk(client, url, 'before'), 'before, of what was changed');
    }
    return [...told.values()].slice(ours + awkward.length, all);
  } finally {
    pusher.disconnect();
  }
}

export { literal };
