// SPDX-License-Identifier: Apache-2.0
//
// unit-words.test.mjs - names, times, sentences, the rows of a thread, the word
// for the connection: everything small and pure.

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { test } from 'node:test';
import en from '../../htdocs/js/lang/en.js';
import ar from '../../htdocs/js/lang/ar.js';
import { pickLanguage, statusText, t, useLanguage }
  from '../../htdocs/js/i18n.js';
import { daysOf } from '../../htdocs/js/layout.js';
import { GRACE, linkState } from '../../htdocs/js/link.js';
import { keyIn, pathOf } from '../../htdocs/js/route.js';
import { characters, colourOf, COLOURS, initials, newId, oneLine, pieces, plain }
  from '../../htdocs/js/text.js';
import { dayLabel, listTime } from '../../htdocs/js/time.js';
import { Typing } from '../../htdocs/js/typing.js';

// --- text ---------------------------------------------------------------------

test('web addresses are found in a text, without what belongs to the sentence', () => {
  const links = (text) => pieces(text).filter((p) => p.href).map((p) => p.href);
  const whole = 'See https://a.example/x?b=c&d=e#f, (http://b.example/y_(z)), "https://c.example". ثم https://d.example/س؟\nEnd';
  assert.equal(pieces(whole).map((p) => p.text).join(''), whole, 'no character is lost');
  assert.deepEqual(links(whole), ['https://a.example/x?b=c&d=e#f', 'http://b.example/y_(z)', 'https://c.example', 'https://d.example/س']);
  assert.deepEqual(pieces('no address'), [{ text: 'no address' }]);
});

test('what is no web address, or hides where it leads, stays text', () => {
  for (const text of ['javascript://x.example/%0aalert(1)', 'ftp://x.example', 'https://', 'https://clinic.example@evil.example/',
    'https://clinic.example:pass@evil.example', 'data://x', 'a.example']) {
    assert.deepEqual(pieces(text).filter((p) => p.href), [], text);
  }
  assert.deepEqual(pieces('https://a.example/\u202egpj.exe').filter((p) => p.href).map((p) => p.href), ['https://a.example/']);
});

test('an address with thousands of brackets behind it is an address, and no end of the page', () => {
  for (const [behind, ends] of [[')'.repeat(9000), ''], ['.)'.repeat(4500), ''], ['()'.repeat(2000), '()'.repeat(2000)], ['(a)])}.', '(a)']]) {
    const text = `https://a.example/${behind}`;
    assert.equal(pieces(text)[0].href, `https://a.example/${ends}`, behind.slice(0, 8));
    assert.equal(pieces(text).map((p) => p.text).join(''), text);
  }
});

test('initials leave out titles, in both scripts', () => {
  assert.equal(initials('Dr. Lena Hoffmann'), 'LH');
  assert.equal(initials('omar'), 'O');
  assert.equal(initials('Prof. Dr. Ana María de la Cruz'), 'AC');
  assert.equal(initials('د. سارة الحسن'), 'س\u200cح');
  assert.equal(initials(''), '?');
  assert.equal(initials(null), '?');
});

test('a name does not turn the words around it', () => {
  assert.equal(plain('\u202eDr. \u2069\u2066د. عمر\u202c'), 'Dr. د. عمر');
  assert.equal(plain(null), '');
  useLanguage('en');
  assert.equal(t('thread.typing', { name: '\u202eEve\u2067' }),
    t('thread.typing', { name: 'Eve' }));
});

test('a person has the same colour as number and as text', () => {
  assert.equal(colourOf(12), colourOf('12'));
  for (let id = 0; id < 100; id++) {
    assert.ok(colourOf(id) >= 0 && colourOf(id) < COLOURS);
  }
});

test('characters are counted as the server counts them', () => {
  assert.equal(characters('a😀'), 2);
  assert.equal(characters('سلام'), 4);
});

test('a preview is one line and ends in time', () => {
  assert.equal(oneLine('a\n\n  b\tc'), 'a b c');
  assert.equal(oneLine('😀'.repeat(200), 3), '😀😀😀…');
});

test('ids are made without a secure context too', () => {
  const weak = { getRandomValues: (a) => webcrypto.getRandomValues(a) };
  const shape = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  assert.match(newId(weak), shape);
  assert.match(newId({ randomUUID: () => 'given' }), /given/);
});

// --- time ---------------------------------------------------------------------

const at = (...parts) => new Date(...parts).getTime();
const now = at(2026, 10, 22, 18, 30); // a Sunday

test('the list tells times coarser the further they are away', () => {
  const list = (...parts) => listTime(at(...parts), now, 'en-GB');
  assert.equal(list(2026, 10, 22, 18, 29, 30), 'Now');
  assert.match(list(2026, 10, 22, 18, 25), /5 min/);
  assert.equal(list(2026, 10, 22, 9, 5), '09:05');
  assert.equal(list(2026, 10, 21, 23, 59), 'Yesterday');
  assert.equal(list(2026, 10, 17, 8, 0), 'Tuesday');
  assert.equal(list(2026, 9, 3, 8, 0), '3 Oct');
  assert.equal(list(2025, 9, 3, 8, 0), '03/10/2025');
});

test('a server clock ahead of ours is "Now", not the future', () => {
  assert.equal(listTime(now + 60e3, now, 'en'), 'Now');
});

test('days have names while they are near', () => {
  assert.equal(dayLabel(at(2026, 10, 22, 1), now, 'en-GB'), 'Today');
  assert.equal(dayLabel(at(2026, 10, 21, 1), now, 'en-GB'), 'Yesterday');
  assert.match(dayLabel(at(2026, 10, 16, 1), now, 'en-GB'),
    /^Monday,? 16 November$/);
  assert.match(dayLabel(at(2025, 10, 16, 1), now, 'en-GB'), /2025$/);
});

// --- words --------------------------------------------------------------------

test('every sentence exists in every language, with the same places', () => {
  assert.deepEqual(Object.keys(ar).sort(), Object.keys(en).sort());
  const places = (sentence) => [...new Set(JSON.stringify(sentence)
    .match(/\{\w+\}/g) ?? [])].sort();
  for (const key of Object.keys(en)) {
    assert.deepEqual(places(ar[key]), places(en[key]), key);
  }
});

test('the first language we speak is taken, with its region', () => {
  assert.equal(pickLanguage([null, 'fr-FR', 'ar-EG', 'en']), 'ar-EG');
  assert.equal(pickLanguage(['xx']), 'en');
});

test('plural forms follow the language', () => {
  useLanguage('en');
  assert.equal(t('list.unread', { n: 1 }), 'One unread message');
  assert.equal(t('list.unread', { n: 3 }), '3 unread messages');
  useLanguage('ar');
  assert.equal(t('list.unread', { n: 2 }), 'رسالتان غير مقروءتين');
  useLanguage('en');
});

test('the word "typing" is in the English indicator', () => {
  assert.match(t('thread.typing', { name: 'Ada' }), /Ada is typing/);
});

test('a status nobody translated is still readable', () => {
  assert.equal(statusText('awaiting_xray'), 'Awaiting xray');
  assert.equal(statusText('accepted'), 'Accepted');
});

// --- rows of a thread ---------------------------------------------------------

const row = (id, user, minute, more) => ({
  id,
  user_id: user,
  created_at: new Date(2026, 0, 1, 12, minute).toISOString(),
  ...more,
});
const isMine = (m) => m.user_id === 1;
const rowsOf = (...of) => daysOf(...of).flatMap((day) => day.rows);
const kinds = (days) => days.map((day) => day.rows.map((r) => (
  r.kind === 'message' ? (r.message ?? r.entry).id : r.kind)));

test('a person writing several messages in minutes makes one group', () => {
  const rows = rowsOf([row(1, 2, 0), row(2, 2, 1), row(3, 1, 2), row(4, 2, 3),
    row(5, 2, 30)], [], isMine, null);
  assert.deepEqual(rows.map((r) => [r.first, r.last]), [[true, false],
    [false, true], [true, true], [true, true], [true, true]]);
});

test('days are separated, and the "new" line ends a group', () => {
  const next = { created_at: new Date(2026, 0, 2, 0, 1).toISOString() };
  const days = daysOf([row(1, 2, 0), row(2, 2, 1), row(3, 2, 2, next)], [],
    isMine, 2);
  assert.deepEqual(kinds(days), [[1, 'unread', 2], [3]]);
  assert.equal(days[0].rows[2].first, true);
});

test('a message with an earlier time does not begin its day again', () => {
  const before = { created_at: new Date(2025, 11, 31, 12).toISOString() };
  const days = daysOf([row(1, 2, 0), row(2, 2, 0, before), row(3, 2, 1)], [],
    isMine, null);
  assert.deepEqual(kinds(days), [[1, 2, 3]]);
});

test('our message keeps its row when the server confirms it', () => {
  const entry = {
    id: 'e', clientId: 'x', createdAt: row(0, 0, 1).created_at,
  };
  const before = rowsOf([], [entry], isMine, null);
  const after = rowsOf([row(9, 1, 1, { client_id: 'x' })], [], isMine, null);
  assert.equal(before[0].id, after[0].id);
});

test('what waits stays last when our clock is behind the server', () => {
  const entry = {
    id: 'e', clientId: 'x', createdAt: '2020-01-01T00:00:00Z',
  };
  const days = daysOf([row(1, 1, 0)], [entry], isMine, null);
  assert.deepEqual(kinds(days), [[1, 'e']]);
  assert.equal(days[0].rows[1].first, false);
});

// --- link ---------------------------------------------------------------------

test('the word for the connection is honest', () => {
  const base = {
    online: true, socket: false, reachable: true, answered: true,
    downSince: 0, now: 0,
  };
  const word = (more) => linkState({ ...base, ...more });
  assert.equal(word({ socket: true }), 'connected');
  assert.equal(word({}), 'connecting');
  assert.equal(word({ reachable: null }), 'connecting');
  assert.equal(word({ now: GRACE }), 'slow');
  assert.equal(word({ reachable: false, answered: false }), 'offline');
  assert.equal(word({ reachable: false }), 'stalled');
  assert.equal(word({ reachable: false, socket: true }), 'stalled');
  assert.equal(word({ online: false, socket: true }), 'offline');
});

// --- addresses, typing --------------------------------------------------------

test('addresses lead to conversations and back', () => {
  assert.equal(keyIn('/chat'), null);
  // Whatever stands before it is the site's, and stays.
  for (const before of ['', '/clinic', '/chat', '/chat/conversation/7', '/a/chatty']) {
    for (const here of ['/chat', '/chat/', '/chat/conversation/7', '/chat/conversation/7/']) {
      assert.equal(pathOf(null, before + here), `${before}/chat`);
      assert.equal(pathOf('a-1_B', before + here), `${before}/chat/conversation/a-1_B`);
      assert.equal(keyIn(pathOf('a-1_B', before + here)), 'a-1_B');
    }
  }
});

test('typing is told at most every few seconds, and its end once', () => {
  const told = [];
  let clock = 0;
  const typing = new Typing({
    report: (key, on) => told.push([key, on]),
    now: () => clock,
  });
  typing.typed('7', 'a');
  clock = 1000;
  typing.typed('7', 'ab');
  clock = 3000;
  typing.typed('7', 'abc');
  typing.stopped();
  typing.stopped();
  typing.typed('7', '   ');
  assert.deepEqual(told, [['7', true], ['7', true], ['7', false]]);
});
