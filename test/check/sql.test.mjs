// SPDX-License-Identifier: Apache-2.0
//
// What raises events on PostgreSQL stands in two scripts, because each must run alone.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../../dev/site.mjs';

const read = (name) => fs.readFileSync(path.join(root, 'sql', name), 'utf8');
/** The part between the marks, which stand alone on their lines, once. */
function shared(name) {
  const parts = [...read(name).matchAll(/^-- >>> shared\b[^\n]*\n([\s\S]*?)^-- <<< shared\b/gm)];
  assert.equal(parts.length, 1, `${name} has one shared part`);
  return parts[0][1];
}

test('schema.pgsql.sql and laravel.pgsql.sql share their events word for word', () => {
  const text = shared('schema.pgsql.sql');
  assert.ok(text.includes('CREATE OR REPLACE FUNCTION messages_sent()'), 'the part was found');
  assert.equal(shared('laravel.pgsql.sql'), text);
});

test('the shared part names no table of one site only', () => {
  const code = shared('schema.pgsql.sql').replace(/--.*$/gm, '');
  assert.doesNotMatch(code, /\b(users|patients|doctors|treatment_requests|treatment_request_doctors)\b/);
});

test('the scripts of PostgreSQL run without psql', () => {
  for (const name of ['schema.pgsql.sql', 'laravel.pgsql.sql', 'laravel-undo.pgsql.sql', 'example.views.pgsql.sql']) {
    assert.doesNotMatch(read(name), /^\s*\\/m, name);
  }
});

test('the undo names all that the adaptation makes', () => {
  const made = read('laravel.pgsql.sql');
  const undone = read('laravel-undo.pgsql.sql');
  const names = [...made.matchAll(/CREATE (?:OR REPLACE )?(?:UNIQUE )?(?:TABLE|INDEX|VIEW|FUNCTION|TRIGGER) (?:IF NOT EXISTS )?(\w+)/g),
    ...made.matchAll(/\('(chat_\w+)', '/g)].map((m) => m[1]);
  assert.ok(names.length > 30);
  // Indexes and triggers go with a table of ours.
  const tables = [...undone.matchAll(/DROP TABLE IF EXISTS ([^;]*);/g)].flatMap((m) => m[1].split(',').map((t) => t.trim()));
  const along = new Set([...made.matchAll(/CREATE (?:UNIQUE )?(?:INDEX IF NOT EXISTS|TRIGGER) (\w+)[^;]*?\bON (\w+)/g)]
    .filter(([, , table]) => tables.includes(table)).map(([, name]) => name));
  for (const name of names.filter((n) => !along.has(n)).filter((n) => !/^chat_(has|alive)$|^chat_(events|sessions)_\w+$|_index$/.test(n))) {
    assert.match(undone, new RegExp(`\\b${name}\\b`));
  }
});
