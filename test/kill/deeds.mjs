// SPDX-License-Identifier: Apache-2.0
//
// Who does more than write while the chat's programs are killed (rounds.mjs): two people
// of a conversation, who edit, delete, react, read, search, send files and decide about
// plans. Each request is repeated until it has an answer, so what was answered must be
// so in the end, and what happened once has one event:
//
//   - an edit that was answered is the text, and the history has each text once;
//   - what was deleted has no text, and its files are nobody's at once;
//   - a file is the bytes that were sent, on disk is what the database knows, and what
//     was never sent is removed;
//   - each decision about a plan has one card and one event, and one plan is accepted;
//   - what was written before is found;
//   - nobody reads a message twice.
//
// None of it asserts: what must not be goes into `world.wrong`.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { eventually, sleep } from '../site/lib/site.mjs';
import { form, pdf, png } from '../site/lib/upload.mjs';

const WEEK = 7 * 86400; // s
const PATIENCE = 60000; // ms
const EMOJI = ['👍', '❤️', '🙏'];
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

let made = 0; // messages and plans of all

/** The chat will never answer, which `world.wrong` says. */
class Hopeless extends Error {}

export class Doer {
  /** @param doctor, patient  clients of the two people of the conversation `talk` */
  constructor(world, talk, doctor, patient, random) {
    Object.assign(this, { world, talk, doctor, patient, random });
    this.base = `/chat/conversation/${talk}`;
    this.messages = new Map(); // client_id -> what must be of it in the end
    this.plans = new Map(); // id -> its status
    this.done = {};
  }

  /** Each deed once, however long that takes, and then any of them. */
  async run() {
    const deeds = ['words', 'words', 'files', 'upload', 'plan'];
    for (let i = 0; i < deeds.length || this.world.running; i++) {
      const deed = deeds[i] ?? this.random.pick(deeds);
      try {
        await this[deed]();
        this.done[deed] = (this.done[deed] || 0) + 1;
      } catch (e) {
        if (e instanceof Hopeless) {
          return; // why stands in `wrong`
        }
        this.world.wrong.push(`${deed}: ${e.stack}`);
      }
      await sleep(this.random.below(this.world.pace));
    }
  }

  /** Ask until there is an answer. */
  async ask(client, method, url, body, options) {
    for (;;) {
      const r = await this.world.ask(client, method, url, body, options);
      if (r) {
        return r;
      }
      if (this.world.hopeless) {
        throw new Hopeless();
      }
      await sleep(50 + this.random.below(200));
    }
  }

  /** Say it when it is not so. */
  hold(fact, what) {
    if (!fact) {
      this.world.wrong.push(`conversation ${this.talk}: ${what}`);
    }
  }

  /** @return [author, the other one] */
  pair() {
    return this.random.below(2) ? [this.doctor, this.patient] : [this.patient, this.doctor];
  }

  /** Remember what a message has to be in the end. */
  sent(message, files = []) {
    const m = { id: message.id, content: message.content, edits: 0, moves: 0, deleted: false, files };
    this.messages.set(message.client_id, m);
    return m;
  }

  // --- deeds ---------------------------------------------------------------------------
  /** A text, and what is done to one. */
  async words() {
    const [author, other] = this.pair();
    const n = ++made;
    const { json } = await this.ask(author, 'POST', `${this.base}/message`, { content: `deed word${n}x`, client_id: `deed.${n}` });
    const m = this.sent(json.message);
    await this.reactions(m, other);
    await this.edits(m, author, n);
    await this.ask(other, 'POST', `${this.base}/delivered`, { up_to: m.id });
    await this.ask(other, 'POST', `${this.base}/read`, { message_ids: [m.id] });
    await this.find(this.random.pick([author, other]), `word${n}x`, m);
    if (this.random.below(3) === 0) {
      await this.remove(m, author);
    }
  }

  async edits(m, author, n) {
    for (let i = this.random.below(3); i > 0; i--) {
      const content = `deed word${n}x edit${m.edits + 1}`;
      const { json } = await this.ask(author, 'PATCH', `${this.base}/message/${m.id}`, { content });
      this.hold(json.message.content === content, `message ${m.id} was to say "${content}": ${JSON.stringify(json)}`);
      m.content = content;
      m.edits += 1;
    }
    const { json } = await this.ask(author, 'GET', `${this.base}/message/${m.id}/history`);
    this.hold(json.history.length === m.edits, `message ${m.id} was edited ${m.edits} times: ${JSON.stringify(json)}`);
  }

  async reactions(m, other) {
    const emoji = this.random.pick(EMOJI);
    for (let i = this.random.below(3); i > 0; i--) {
      const there = m.moves % 2 === 0;
      const { json } = await this.ask(other, there ? 'PUT' : 'DELETE', `${this.base}/message/${m.id}/reaction`, { emoji });
      this.hold(json.message.reactions.length === (there ? 1 : 0), `a reaction to ${m.id}, ${there}: ${JSON.stringify(json)}`);
      m.moves += 1;
      m.emoji = there ? emoji : null;
    }
  }

  async remove(m, author) {
    const { json } = await this.ask(author, 'DELETE', `${this.base}/message/${m.id}`);
    this.hold(json.message.deleted_at && json.message.content === '', `message ${m.id} was deleted: ${JSON.stringify(json)}`);
    m.deleted = true;
    for (const { id } of m.files) {
      for (const who of [this.doctor, this.patient]) {
        await this.ask(who, 'GET', `/chat/attachment/${id}`, undefined, { right: [404] });
      }
    }
  }

  /** What was answered is found, whether or not anybody has indexed it. */
  async find(who, word, m) {
    let url = `${this.base}/search?q=${word}`;
    for (let found = false; !found;) {
      const { json } = await this.ask(who, 'GET', url);
      found = json.data.some((d) => d.message.id === m.id);
      if (!found && json.next === null) {
        this.hold(false, `"${word}" of message ${m.id} is not found`);
        return;
      }
      url = `${this.base}/search?q=${word}&before=${json.next}`;
    }
  }

  /** A message that brings files. */
  async files() {
    const [author, other] = this.pair();
    const n = ++made;
    const bytes = pdf(1000 + this.random.below(60000));
    const { body, type } = form([{ name: 'content', value: `deed file${n}x` }, { name: 'client_id', value: `deed.${n}` },
      { name: 'files[]', file: 'a.png', type: 'image/png', bytes: png() }, { name: 'files[]', file: 'b.pdf', type: 'application/pdf', bytes }]);
    const { json } = await this.ask(author, 'POST', `${this.base}/message`, body, { type, right: [201, 202] });
    if (json.message === null) {
      this.messages.set(`deed.${n}`, { later: true, content: `deed file${n}x`, edits: 0, moves: 0, files: [] });
      return;
    }
    await this.got(json.message, bytes, author, other);
  }

  /** The same in two steps. What is uploaded and not answered is never sent. */
  async upload() {
    const [author, other] = this.pair();
    const n = ++made;
    const bytes = pdf(1000 + this.random.below(60000));
    const { json } = await this.ask(author, 'POST', `${this.base}/attachment`, bytes, { type: 'application/pdf', headers: { 'X-File-Name': 'c.pdf' }, right: [201, 202] });
    if (json.attachment.state !== 'clean' || this.random.below(4) === 0) {
      return; // it is left behind
    }
    const sent = await this.ask(author, 'POST', `${this.base}/message`, { attachments: [json.attachment.id], client_id: `deed.${n}` });
    await this.got(sent.json.message, bytes, author, other);
  }

  async got(message, bytes, author, other) {
    const m = this.sent(message, message.attachments);
    const file = message.attachments.find((a) => a.mime === 'application/pdf');
    const whole = await this.ask(other, 'GET', `/chat/attachment/${file.id}`);
    this.hold(sha256(whole.bytes) === sha256(bytes), `file ${file.id} has ${whole.bytes.length} other bytes than the ${bytes.length} sent`);
    const part = await this.ask(other, 'GET', `/chat/attachment/${file.id}`, undefined, { headers: { Range: 'bytes=100-299' }, right: [206] });
    this.hold(bytes.subarray(100, 300).equals(part.bytes), `part of file ${file.id}`);
    m.sums = [[file.id, sha256(bytes)]];
    if (this.random.below(3) === 0) {
      await this.remove(m, author);
    }
  }

  /** A plan from its offer to its end. */
  async plan() {
    const client_id = `deed.${++made}`;
    const draft = this.random.below(2) === 0;
    const { json } = await this.ask(this.doctor, 'POST', `${this.base}/plan`, { title: 'Crown', status: draft ? 'draft' : 'submitted', client_id });
    const url = `/chat/plan/${json.plan.id}`;
    if (draft) {
      await this.ask(this.doctor, 'PATCH', url, { description: 'Of ceramics' });
      await this.ask(this.doctor, 'POST', `${url}/submit`, {});
    }
    const [who, what, body] = this.random.pick([[this.patient, 'accept', {}], [this.patient, 'reject', { reason: 'no' }], [this.doctor, 'cancel', {}]]);
    let r = await this.ask(who, 'POST', `${url}/${what}`, body, { right: [200, 409] });
    if (r.status === 409) {
      this.hold(what === 'accept', `${what} of a plan: ${JSON.stringify(r.json)}`); // another one is
      r = await this.ask(this.doctor, 'POST', `${url}/cancel`, {});
    }
    this.plans.set(json.plan.id, r.json.plan.status);
  }
}

// --- afterwards -------------------------------------------------------------------------

/** What the database, the log and the disk say about it all. */
class Look {
  constructor(site, doers, wrong) {
    Object.assign(this, { site, doers, wrong });
  }

  rows(sql) {
    return this.site.sql(sql).trim().split('\n').filter(Boolean).map((line) => line.split('|'));
  }

  /** A member of an event's payload, in SQL. */
  payload(...names) {
    return this.site.dbFile ? `json_extract(payload, '$.${names.join('.')}')` : `payload #>> '{${names.join(',')}}'`;
  }

  /** How often each event tells of each thing: "event id" -> n. */
  told(...names) {
    const id = this.payload(...names);
    return new Map(this.rows(`SELECT event, ${id}, count(*) FROM chat_events WHERE ${id} IS NOT NULL GROUP BY 1, 2;`).map(([event, what, n]) => [`${event} ${what}`, Number(n)]));
  }

  messages() {
    const stored = new Map();
    for (const [client_id, id, deleted, edits, reactions, body] of this.rows(`SELECT client_id, id, CASE WHEN deleted_at IS NULL THEN 0 ELSE 1 END,
        (SELECT count(*) FROM chat_message_edits e WHERE e.message_id = m.id),
        (SELECT count(*) FROM chat_message_reactions r WHERE r.message_id = m.id), body
        FROM messages m WHERE client_id LIKE 'deed.%';`)) {
      if (stored.has(client_id)) {
        this.wrong.push(`two messages have the client_id ${client_id}`);
      }
      stored.set(client_id, { id: Number(id), deleted: deleted === '1', edits: Number(edits), reactions: Number(reactions), body });
    }
    const told = this.told('message', 'id');
    const reacted = this.told('message_id');
    for (const [client_id, m] of this.doers.flatMap((d) => [...d.messages])) {
      const s = stored.get(client_id);
      stored.delete(client_id);
      this.message(client_id, m, s, (event) => told.get(`${event} ${s.id}`) || 0, s && (reacted.get(`MessageReaction ${s.id}`) || 0));
    }
    for (const client_id of stored.keys()) {
      this.wrong.push(`a message ${client_id} is stored, and nobody was told 201`);
    }
  }

  message(client_id, m, s, told, reacted) {
    const right = s && (m.later || s.id === m.id) && s.deleted === Boolean(m.deleted)
      && (m.deleted || (s.body === m.content && s.edits === m.edits && s.reactions === (m.emoji ? 1 : 0)))
      && told('MessageSent') === 1 && told('MessageDeleted') === (m.deleted ? 1 : 0) && reacted === m.moves
      && (m.files.length > 0 || m.later || told('MessageEdited') === m.edits);
    if (!right) {
      const events = s && ['MessageSent', 'MessageEdited', 'MessageDeleted'].map((e) => `${told(e)} ${e}`);
      this.wrong.push(`${client_id} should be ${JSON.stringify(m)}, is ${JSON.stringify(s)}; ${events}, ${reacted} MessageReaction`);
    }
  }

  /** Each change of a plan has its event and its card. */
  plans() {
    const stored = new Map(this.rows('SELECT id, status FROM treatment_plans;').map(([id, status]) => [Number(id), status]));
    const told = this.told('plan', 'id');
    const cards = new Map(this.rows("SELECT plan_id, count(*) FROM messages WHERE type = 'plan' AND plan_id IS NOT NULL GROUP BY 1;").map(([id, n]) => [Number(id), Number(n)]));
    for (const [id, status] of this.doers.flatMap((d) => [...d.plans])) {
      const event = { accepted: 'PlanAccepted', rejected: 'PlanRejected', cancelled: 'PlanCancelled' }[status];
      if (stored.get(id) !== status || told.get(`PlanSubmitted ${id}`) !== 1 || told.get(`${event} ${id}`) !== 1 || cards.get(id) !== 2) {
        this.wrong.push(`plan ${id} should be ${status}, is ${stored.get(id)}; ${told.get(`PlanSubmitted ${id}`)} PlanSubmitted, ${told.get(`${event} ${id}`)} ${event}, ${cards.get(id)} cards`);
      }
    }
    const many = this.rows("SELECT treatment_request_id FROM treatment_plans WHERE status = 'accepted' AND deleted_at IS NULL GROUP BY 1 HAVING count(*) > 1;");
    if (many.length) {
      this.wrong.push(`two plans are accepted in conversations ${many}`);
    }
  }

  /** Who reads what, once. */
  reads() {
    const seen = new Set();
    for (const [user, ids] of this.rows(`SELECT ${this.payload('user_id')}, ${this.payload('message_ids')} FROM chat_events WHERE event = 'MessageRead';`)) {
      for (const id of JSON.parse(ids)) {
        if (seen.has(`${user} ${id}`)) {
          this.wrong.push(`user ${user} read message ${id} twice`);
        }
        seen.add(`${user} ${id}`);
      }
    }
  }

  /** Files and what belongs to them, also those that never became one. */
  onDisk() {
    const dir = this.site.path('files');
    return fs.readdirSync(dir).filter((d) => /^([0-9a-f]{2}|incoming)$/.test(d))
      .flatMap((d) => fs.readdirSync(path.join(dir, d)).map((n) => path.join(dir, d, n)));
  }

  known() {
    return this.rows('SELECT id, state, CASE WHEN message_id IS NULL THEN 0 ELSE 1 END FROM chat_attachments;')
      .map(([id, state, sent]) => ({ id, state, sent: sent === '1' }));
  }

  /** What is held is sent; then, as if a week had gone by, what was never sent and what
   *  is nobody's is removed, because httpd's children sweep as they begin. */
  async settled() {
    const { site } = this;
    const held = () => this.rows('SELECT client_id FROM chat_held_messages;').map(([id]) => `message ${id} is held`);
    await eventually(() => held().length === 0, 'held messages are sent', PATIENCE).catch(() => this.wrong.push(...held()));
    site.sql(`UPDATE chat_attachments SET created_at = ${site.time(-WEEK)} WHERE message_id IS NULL;`);
    const old = Date.now() / 1000 - WEEK;
    this.onDisk().forEach((file) => fs.utimesSync(file, old, old));
    site.httpd.kill('SIGUSR1');
    const until = Date.now() + PATIENCE;
    const left = () => {
      const known = this.known();
      const ids = new Set(known.map((a) => a.id));
      return [...known.filter((a) => !a.sent).map((a) => `file ${a.id} (${a.state}) was not sent and is kept`),
        ...this.onDisk().filter((file) => !ids.has(path.basename(file).slice(0, 32))).map((file) => `${file} is nobody's`)];
    };
    while (left().length && Date.now() < until) {
      await sleep(200);
    }
    this.wrong.push(...left());
  }

  files() {
    const known = this.known();
    const sums = new Map(this.doers.flatMap((d) => [...d.messages.values()]).filter((m) => !m.deleted).flatMap((m) => m.sums || []));
    for (const { id } of known) {
      const file = this.site.path('files', id.slice(0, 2), id);
      if (!fs.existsSync(file)) {
        this.wrong.push(`the database knows file ${id}, which is not there`);
      } else if (sums.has(id) && sha256(fs.readFileSync(file)) !== sums.get(id)) {
        this.wrong.push(`file ${id} has other bytes on disk`);
      }
    }
    return known.length;
  }
}

/** When nobody does anything any more. @return lines of figures */
export async function lookAtDeeds(site, doers, wrong) {
  const look = new Look(site, doers, wrong);
  await look.settled();
  look.messages();
  look.plans();
  look.reads();
  const files = look.files();
  const done = {};
  doers.forEach((d) => Object.entries(d.done).forEach(([what, n]) => { done[what] = (done[what] || 0) + n; }));
  return [`deeds: ${Object.entries(done).map(([what, n]) => `${n} ${what}`).join(', ')}; ${files} files are kept`];
}
