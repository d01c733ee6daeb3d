// SPDX-License-Identifier: Apache-2.0
//
// Kill rounds: people write, listen and catch up (load.mjs) while in each round a
// program that serves them gets SIGKILL: one of httpd's children, chat-push, one of
// PostgreSQL's processes, or all of PostgreSQL; or httpd is restarted, gracefully or not.
// Whoever supervises it starts it again, as httpd, `make run` and PostgreSQL's own service
// do. Afterwards:
//
//   - every 201 is in the database, once for its client_id, with its one event;
//   - every event reached everybody who belongs to the conversation: plain clients,
//     which only come back, and pages, which also catch up, once by its id; nobody
//     heard of anything else; plain clients heard each conversation in order;
//   - what was edited, deleted, read, uploaded and decided is so, once (deeds.mjs);
//   - GET /chat/sync lists each once from the first cursor, and left none out for
//     those who went on from cursor to cursor all the time;
//   - the audit log's chain is whole;
//   - whoever got no 201 got a 503 that says when to come back, or lost the
//     connection with the process that had it.
//
// Who is killed is drawn by a seed, which is printed; when exactly it hits is the
// machine's affair.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { eventually, sleep } from '../site/lib/site.mjs';
import { Doer, lookAtDeeds } from './deeds.mjs';
import { Insister, Knocker, Listener, Phone, Syncer, World } from './load.mjs';

/** Numbers that are the same for the same seed (mulberry32). */
export class Random {
  constructor(seed) {
    this.state = seed >>> 0;
  }

  below(n) {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor(((t ^ (t >>> 14)) >>> 0) / 4294967296 * n);
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  shuffled(list) {
    const from = [...list];
    return list.map(() => from.splice(this.below(from.length), 1)[0]);
  }
}

/** Lines that the logs may hold afterwards. */
export const expectedLog = [
  /core:(notice|error)\] .*AH00052: child pid \d+ exit signal Killed/,
  /mpm_event:warn\] .*AH10392: children are killed successively/, // ten in a row
  // At a restart at once event closes the sockets that its workers are at; and a child
  // that waits for the database is asked more than once, but never killed (AH00046).
  /mpm_event:error\] .*\(9\)Bad file descriptor: AH0309[23]: /,
  /core:warn\] .*AH00045: child process \d+ still did not exit, sending a SIGTERM/,
  /chat:warn\] .*chat-push takes no sockets at /, // it is away
  /chat:error\] .*(the database cannot be reached|the database stayed busy)/,
  /relay: cannot read the event log, trying again/,
  /chat-files ended \(signal 9\)/, // a child of httpd, too
  /(plans: cannot see what is due|search: cannot index messages|readers: cannot mark messages read), trying again/,
  /chat:warn\] .*(asking again about uploaded files|sending messages whose files are clean|removing files that are nobody's|telling the database what ChatTokenType and ChatForeignRehash say): /,
];

/* How each dies. They are all there: what was killed before is waited for. */
const victims = {
  'httpd child': async (kill) => {
    const { pid } = kill.site.httpd;
    const children = await eventually(() => fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim(), 'a child of httpd');
    kill.world.httpdKilled = Date.now();
    process.kill(Number(kill.random.pick(children.split(' '))), 'SIGKILL');
  },
  'chat-push': (kill) => kill.push('SIGKILL'),
  'chat-push, in good order': (kill) => kill.push('SIGTERM'),
  'chat-push, in place': (kill) => kill.push('SIGUSR2'),
  'httpd, gracefully': (kill) => kill.httpd('SIGUSR1'), // idle connections are closed
  'httpd, at once': (kill) => kill.httpd('SIGHUP'),
  'settings again': async ({ site }) => {
    const before = site.logged('settings reloaded');
    site.push.kill('SIGHUP');
    await eventually(() => site.logged('settings reloaded') > before, 'the reload', 60000);
  },
  'PostgreSQL process': async (kill) => {
    const pids = await eventually(() => kill.psql("SELECT pid FROM pg_stat_activity WHERE application_name = 'mod_chat';"), 'a connection of ours');
    process.kill(Number(kill.random.pick(pids.split('\n'))), 'SIGKILL');
  },
  PostgreSQL: async (kill) => {
    await kill.cluster.stop('SIGKILL');
    await sleep(kill.random.below(500));
    await kill.cluster.start();
  },
};

export class Kill {
  constructor({ site, cluster, seed, say, names }) {
    Object.assign(this, { site, cluster, say, names });
    this.random = new Random(seed);
    this.world = new World(site);
    this.killed = {};
    this.revived = Promise.resolve(); // chat-push runs, and who started it knows
    site.onExit = (name, child) => {
      if (child === site.push) {
        this.revived = this.revive(child);
      }
    };
  }

  /** End chat-push, and see the next one listen. */
  async push(signal) {
    // Who is not back yet is told by the next process only if no more are here than
    // before; what is promised to everybody is promised to who was here.
    await eventually(() => this.plain.every((l) => l.well), 'everybody is back', 60000);
    await this.revived; // clients may have found it before we did
    const { site } = this;
    const before = site.logged('listening on');
    site.push.kill(signal);
    await eventually(() => site.logged('listening on') > before, 'the next chat-push', 60000);
  }

  /** Restart httpd, and see the next children serve. */
  async httpd(signal) {
    const { site, world } = this;
    const resumed = () => fs.readFileSync(site.path('logs', 'error.log'), 'utf8').split('resuming normal operations').length;
    const before = resumed();
    world.httpdKilled = Infinity; // its children end one by one
    site.httpd.kill(signal);
    await eventually(() => resumed() > before, 'the restart of httpd', 60000);
    world.httpdKilled = Date.now();
  }

  /** chat-push again after it died, as `make run` does it. */
  async revive(child) {
    while (child && child === this.site.push) { // null: the site has been stopped
      try {
        await this.site.startPush();
        return;
      } catch (e) {
        this.world.wrong.push(e.message);
        child = this.site.push;
      }
    }
  }

  async people() {
    const { world, site, random } = this;
    const { accounts, conversations } = site.people();
    const { doctor } = conversations[0];
    const talks = site.openTalks(doctor).slice(0, 4);
    const patient = talks[0].patient;
    const phones = new Map();
    for (const id of [doctor, ...talks.map((t) => t.patient)]) {
      if (!phones.has(id)) {
        phones.set(id, await site.phone(accounts.find((a) => a.user_id === id).email));
      }
    }
    const of = (who) => talks.filter((t) => t.doctor === who || t.patient === who).map((t) => t.id);
    this.talksOf = (l) => of(l.who);
    this.talks = talks.map((t) => t.id);
    this.phones = [...phones, [doctor, phones.get(doctor)]].map(([id, client]) => new Phone(world, client, of(id), random));
    this.doers = talks.map((t) => new Doer(world, t.id, phones.get(doctor), phones.get(t.patient), random));
    const mine = (who) => `private-user.${who}`;
    const as = (who, l) => Object.assign(l, { who });
    this.plain = [
      as(doctor, new Listener(world, 'plain socket', [mine(doctor)])),
      as(doctor, new Listener(world, 'plain socket of conversations', talks.map((t) => `private-conversation.${t.id}`))),
      as(patient, new Insister(world, 'plain pusher-js', mine(patient))),
    ];
    this.pages = [
      as(doctor, new Listener(world, 'page', [mine(doctor)], phones.get(doctor))),
      as(patient, new Listener(world, 'page of a patient', [mine(patient)], phones.get(patient))),
      as(doctor, new Insister(world, 'page with pusher-js', mine(doctor), phones.get(doctor))),
    ];
    this.syncers = [
      as(doctor, new Syncer(world, phones.get(doctor), 40)),
      as(patient, new Syncer(world, phones.get(patient), 90)),
    ];
    this.knockers = site.o.hold ? [new Knocker(world, 'port'), new Knocker(world, 'metrics'), new Knocker(world, 'httpd')] : [];
    for (const who of [...this.syncers, ...this.plain, ...this.pages]) {
      await who.begin();
    }
    const deaf = () => [...this.plain, ...this.pages].filter((l) => !l.well).map((l) => l.name);
    await eventually(() => deaf().length === 0, 'everybody listens', 60000)
      .catch((e) => assert.fail(`${e.message}: ${deaf()}`));
  }

  /** SQL while the server may be recovering. @return '' when it is */
  psql(text) {
    try {
      return this.site.sql(text).trim();
    } catch {
      return '';
    }
  }

  /** Each victim about as often as the others, in a drawn order. */
  deck(rounds) {
    const names = this.names ? this.names : this.cluster ? ['httpd child', 'chat-push', 'PostgreSQL process', 'httpd child', 'chat-push', 'PostgreSQL', 'httpd, at once', 'httpd, gracefully']
      : ['httpd child', 'chat-push', 'httpd child', 'httpd, at once', 'httpd, gracefully'];
    const deck = [];
    while (deck.length < rounds) {
      deck.push(...this.random.shuffled(names));
    }
    return deck.slice(0, rounds);
  }

  async kill(name) {
    await victims[name](this);
    this.killed[name] = (this.killed[name] || 0) + 1;
  }

  async rounds(rounds) {
    const deck = this.deck(rounds);
    for (const [i, name] of deck.entries()) {
      await sleep(200 + this.random.below(800));
      this.say(`round ${i + 1}: ${name}`);
      await this.kill(name);
      if (!this.names && this.random.below(4) === 0) { // trouble seldom comes alone
        await this.kill('httpd child');
      }
    }
  }

  async run(rounds) {
    await this.people();
    this.first = this.site.lastEvent();
    const talking = Promise.all([...this.phones, ...this.doers].map((p) => p.run()));
    const syncing = Promise.all(this.syncers.map((s) => s.run()));
    const knocking = Promise.all(this.knockers.map((k) => k.run()));
    await this.rounds(rounds);
    await sleep(500);
    this.world.running = false;
    await talking; // each has its 201
    await knocking;
    await eventually(() => !this.cluster || this.psql('SELECT 1;'), 'the database'); // it may be recovering
    const stored = this.stored();
    await this.arrived(stored);
    this.world.ending = true;
    await syncing;
    const fresh = await Promise.all(this.syncers.map(async (s) => Object.assign(await s.all(), { who: s.who })));
    [...this.plain, ...this.pages].forEach((l) => l.end());
    this.verify(stored, fresh);
    const deeds = await lookAtDeeds(this.site, this.doers, this.world.wrong);
    await this.audited();
    return [...this.figures(stored), ...deeds];
  }

  /** What was written down of it all has no gap. What waits in spools follows. */
  async audited() {
    const { site } = this;
    const r = spawnSync(site.path('bin', 'chatctl'), ['audit', 'verify', '--database', site.db], { encoding: 'utf8' });
    if (r.status !== 0) {
      this.world.wrong.push(`chatctl audit verify: ${r.status} ${r.stdout}${r.stderr}`);
    }
  }

  /** What the database holds: messages and events. */
  stored() {
    const client = this.site.dbFile ? "json_extract(payload, '$.message.client_id')" : "payload #>> '{message,client_id}'";
    const rows = (sql) => this.site.sql(sql).trim().split('\n').filter(Boolean).map((line) => line.split('|'));
    return {
      messages: rows("SELECT id, client_id, request_id FROM messages WHERE client_id LIKE 'kill.%' ORDER BY id;")
        .map(([id, client_id, talk]) => ({ id: Number(id), client_id, talk: Number(talk) })),
      events: rows(`SELECT id, event, coalesce(${client}, ''), conversation_id, channels FROM chat_events
          WHERE id > ${this.first} AND conversation_id IN (${this.talks}) ORDER BY id;`)
        .map(([id, event, client_id, talk, channels]) => ({ id: Number(id), event, client_id, talk: Number(talk), channels: JSON.parse(channels) })),
    };
  }

  /** Ids that somebody has to hear of: of their channels, or, who asks, of their
   *  conversations. */
  wanted(stored, who) {
    return stored.events.filter((e) => (who.channels ? who.channels.some((c) => e.channels.includes(c)) : this.mayHear(e, who))).map((e) => e.id);
  }

  mayHear(e, who) {
    return this.talksOf(who).includes(e.talk);
  }

  /** Give everybody time to hear the last; what is missing is said by verify(). */
  async arrived(stored) {
    const all = [...this.plain, ...this.pages, ...this.syncers];
    const until = Date.now() + 30000;
    while (Date.now() < until
      && !all.every((l) => this.wanted(stored, l).every((id) => l.heard.events.has(id)))) {
      await sleep(50);
    }
  }

  verify(stored, fresh) {
    const { wrong } = this.world;
    const sent = this.phones.flatMap((p) => p.sent);
    const once = (list, what) => {
      const by = new Map();
      for (const row of list) {
        if (by.has(row.client_id)) {
          wrong.push(`${what} ${row.id} and ${by.get(row.client_id).id} have the client_id ${row.client_id}`);
        }
        by.set(row.client_id, row);
      }
      return by;
    };
    const messages = once(stored.messages, 'messages');
    const events = once(stored.events.filter((e) => e.event === 'MessageSent' && e.client_id.startsWith('kill.')), 'events');
    for (const s of sent) {
      const m = messages.get(s.client_id);
      if (!m || m.id !== s.id || m.talk !== s.talk) {
        wrong.push(`201 for ${JSON.stringify(s)}, stored is ${JSON.stringify(m)}`);
      }
      if (!events.has(s.client_id)) {
        wrong.push(`no event for ${JSON.stringify(s)}`);
      }
    }
    if (messages.size !== sent.length || events.size !== sent.length) {
      wrong.push(`${sent.length} messages were sent, ${messages.size} stored, ${events.size} have events`);
    }
    for (const l of [...this.plain, ...this.pages, ...this.syncers]) {
      this.compare(stored, l, l.heard, l.name || 'sync from cursor to cursor');
    }
    for (const heard of fresh) {
      this.compare(stored, heard, heard, 'sync from the first cursor');
      if (heard.repeats) {
        wrong.push(`sync from the first cursor lists ${heard.repeats} events twice`);
      }
    }
    // On PostgreSQL a cursor may stay behind a transaction that is open.
    if (!this.cluster && this.syncers.some((s) => s.heard.repeats)) {
      wrong.push('sync repeats events');
    }
  }

  compare(stored, who, heard, name) {
    const { wrong } = this.world;
    const wanted = new Set(this.wanted(stored, who));
    const missing = [...wanted].filter((id) => !heard.events.has(id));
    const known = who.channels && !who.client ? wanted : new Set(stored.events.filter((e) => this.mayHear(e, who)).map((e) => e.id));
    const unknown = [...heard.events].filter((id) => !known.has(id));
    if (missing.length) {
      wrong.push(`${name}: ${missing.length} of ${wanted.size} events are missing: ${missing.slice(0, 20)}`);
    }
    if (unknown.length) {
      wrong.push(`${name}: heard of ${unknown.slice(0, 20)}, which nobody has sent`);
    }
    if (heard.disorder.length) {
      wrong.push(`${name}: ${heard.disorder.slice(0, 5).join('; ')}`);
    }
  }

  figures(stored) {
    const repeats = (list) => list.map((l) => `${l.name || 'sync'} ${l.heard.repeats}`).join(', ');
    return [
      `killed: ${Object.entries(this.killed).map(([name, n]) => `${n} ${name}`).join(', ')}`,
      `${stored.messages.length} messages, ${stored.events.length} events; answers: ${Object.entries(this.world.statuses).map(([s, n]) => `${n} × ${s}`).join(', ')}`,
      `connections: ${[...this.plain, ...this.pages].map((l) => `${l.name} ${l.connections}`).join(', ')}`,
      ...this.knockers.map((k) => `at ${k.door}: ${Object.entries(k.counts).map(([what, n]) => `${n} ${what}`).join(', ')}; longest ${k.longest} ms`),
      `repeats: ${repeats([...this.plain, ...this.pages, ...this.syncers])}`,
    ];
  }
}

/**
 * Kill, look, and fail with all that was wrong.
 * @param site     started, with three httpd children or so and no limit on sends
 * @param cluster  PostgreSQL's, null on SQLite
 * @param say      (line): what is going on
 * @param names    who is killed, drawn from these alone
 */
export async function killRounds({ site, cluster, rounds, seed, say, names }) {
  say(`KILL_SEED=${seed}, ${rounds} rounds on ${cluster ? 'PostgreSQL' : 'SQLite'}`);
  const kill = new Kill({ site, cluster, seed, say, names });
  try {
    (await kill.run(rounds)).forEach(say);
  } finally {
    kill.world.running = false;
    kill.world.ending = true;
    site.onExit = () => {};
  }
  const { wrong } = kill.world;
  assert.equal(wrong.length, 0, `KILL_SEED=${seed}: ${wrong.length} things are wrong:\n${wrong.slice(0, 40).join('\n')}`);
}

/** The ways in which chat-push ends alone. */
export const restarts = ['chat-push', 'chat-push, in good order', 'chat-push, in place'];

/** httpd with several children, so that the death of one is not that of all. */
export const killConf = `ChatSendRate off
ChatClosedStatus none
<IfModule !prefork.c>
  StartServers 3
  ThreadsPerChild 32
  MinSpareThreads 64
  MaxRequestWorkers 512
</IfModule>`;
