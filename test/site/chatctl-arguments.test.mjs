// SPDX-License-Identifier: Apache-2.0
//
// What chatctl makes of arguments: each row of the tables is a command line and how it
// ends. Whatever is wrong is one line on stderr, and 2 when the arguments are; 1 when
// the database is not there or knows nothing of it. What changes something is in the
// audit log.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { test } from 'node:test';
import { cleanup } from './lib/cleanup.mjs';
import { startSite } from './lib/site.mjs';

const site = await startSite();
cleanup(() => site.stop());
const conv = site.people().conversations[0];
const chatctl = site.path('bin', 'chatctl');
const place = site.path('arguments');
fs.mkdirSync(place);
const at = (name) => `${place}/${name}`;
fs.writeFileSync(at('text'), 'This is no database, whatever its name says.\n'.repeat(40));
fs.mkdirSync(at('directory'));
fs.writeFileSync(at('other.json'), '{"database": {"url": "mysql://127.0.0.1/chat"}}');
fs.writeFileSync(at('broken.json'), '{');
fs.writeFileSync(at('keys'), `k1 ${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
const keys = ['--keys', `file:${at('keys')}`];
const db = ['--database', site.db];
const long = 'x'.repeat(100000);
const env = { PATH: process.env.PATH };

const run = (args, options = {}) => spawnSync(chatctl, args, { encoding: 'utf8', input: '', env, timeout: 60000, ...options });
const shown = (args) => args.map((a) => (a.length > 60 ? `${a.slice(0, 20)}…` : JSON.stringify(a))).join(' ');
/** One that cannot: its status, one line that says why, nothing else. */
const fails = (args, status, why, options) => {
  const r = run(args, options);
  assert.equal(r.status, status, `${shown(args)}: ${r.stdout.slice(0, 300)}${r.stderr.slice(0, 300)}`);
  assert.equal(r.stdout, '', shown(args));
  assert.match(r.stderr, /^chatctl/, shown(args));
  assert.match(r.stderr, why, shown(args));
  assert.equal(r.stderr.indexOf('\n'), r.stderr.length - 1, `${shown(args)}: one line: ${r.stderr.slice(0, 300)}`);
  assert.ok(Buffer.byteLength(r.stderr) < 2200, `${shown(args)}: ${r.stderr.length}`);
  assert.ok(![...r.stderr.slice(0, -1)].some((c) => c < ' '), 'nothing for the terminal');
};
const does = (args, options) => {
  const r = run(args, options);
  assert.equal(r.status, 0, `${shown(args)}: ${r.stdout.slice(0, 300)}${r.stderr.slice(0, 300)}`);
  assert.equal(r.stderr, '', shown(args));
  return r.stdout.split('\n').filter(Boolean);
};
const json = (args, options) => does([...args, '--json'], options).map((line) => JSON.parse(line));

// Each command that asks a database, in a way that changes nothing.
const asking = [
  ['user', 'list'], ['token', 'list'], ['hold', 'list'], ['purge', 'rules'], ['purge', 'run', '--dry-run'],
  ['audit', 'list'], ['audit', 'verify'], ['audit', 'checkpoint'], ['tail', '--timeout', '1s'], ['migrate', '--check'],
  ['export', '--user', 'patient@example.com', '--out', '-'], ['erase', '--user', 'patient@example.com', '--dry-run'],
  ['keys', 'check', ...keys], ['keys', 'verify', ...keys],
];

test('what is no database is said by every command, and ends alike', () => {
  const kinds = [
    ['mysql://127.0.0.1/chat', 2, /--database: a database is sqlite:\/path\/file.db or postgresql:/],
    ['chat.db', 2, /a database is/], ['/tmp/chat.db', 2, /a database is/], ['postgresql:', 2, /a database is/],
    ['sqlite:', 2, /absolute path/], ['sqlite:chat.db', 2, /absolute path/], ['', 2, /--database wants a value/],
    [`sqlite:${at('none.db')}`, 1, /none\.db/], [`sqlite:${at('none/chat.db')}`, 1, /none\/chat\.db/],
    [`sqlite:${at('text')}`, 1, /text: file is not a database/], [`sqlite:${at('directory')}`, 1, /directory/],
    ['postgresql://nobody:secret@127.0.0.1:1/chat', 1, /refused/],
    [`postgresql://nobody:secret@${encodeURIComponent(at('none'))}/chat`, 1, /none/],
  ];
  for (const [target, status, why] of kinds) {
    for (const command of asking) {
      fails([...command, '--database', target], status, why);
    }
  }
  for (const command of asking) {
    fails(command, 2, /say --database TARGET or --config FILE/);
    fails([...command, ...db, '--config', at('other.json')], 2, /say --database TARGET or --config FILE/);
    fails([...command, ...db, ...db], 2, /--database is there twice/);
    fails([...command, '--config', at('other.json')], 1, /database\.url: a database is/);
    fails([...command, '--config', at('broken.json')], 1, /broken\.json/);
    fails([...command, '--config', at('none.json')], 1, /none\.json/);
    fails([...command, '--config', at('directory')], 1, /directory/);
    const r = run([...command, '--database', 'postgresql://nobody:secret@127.0.0.1:1/chat']);
    assert.ok(!r.stderr.includes('secret'), 'no password is shown');
  }
  fails(['doctor', '--db', 'mysql://127.0.0.1/chat'], 2, /a database is/);
});

test('a database without the chat says how to find out', () => {
  fs.writeFileSync(at('empty.db'), '');
  for (const command of asking.filter(([name]) => name !== 'migrate' && name !== 'tail')) {
    fails([...command, '--database', `sqlite:${at('empty.db')}`], 1, /chatctl migrate --check says/);
  }
});

test('every command has --help, and refuses an unknown option, an empty one and one too many', () => {
  for (const name of ['migrate', 'audit', 'export', 'erase', 'purge', 'hold', 'user', 'token', 'keys', 'tail', 'trigger', 'routes', 'doctor']) {
    const help = does([name, '--help']).join('\n');
    assert.match(help, new RegExp(`^usage: chatctl ${name}`));
    assert.match(help, /--json/, name);
    assert.deepEqual(does([name, '-h']).join('\n'), help);
    assert.deepEqual(does(['help', name]).join('\n'), help);
    fails([name, '--nonsense'], 2, /there is no option '--nonsense'/);
    fails([name, '--nonsense=1'], 2, /there is no option '--nonsense'/);
    fails([name, '-x'], 2, /there is no option '-x'/);
  }
  fails(['user', 'list', '--json=yes', ...db], 2, /--json takes no value/);
  fails(['user', 'list', '--role'], 2, /--role wants a value/);
  fails([''], 2, /there is no command ''/);
  fails([long], 2, /there is no command/);
  fails(['dance'], 2, /there is no command 'dance'/);
  fails(['--version', 'x'], 2, /'x' is one argument too many/);
  fails(['help', 'dance'], 2, /there is no command 'dance'/);
});

test('each command refuses what makes no sense, and says what does', () => {
  const rows = [
    [['user', 'list', '--role', 'nurse'], 1, /nobody has the role 'nurse'/],
    [['user', 'list', '--role', 'DOCTOR'], 1, /nobody has the role/],
    [['user', 'list', '--role', ''], 2, /--role wants a value/],
    [['user', 'list', '--role', long], 1, /nobody has the role/],
    [['user', 'list', '--role', 'a\u0007\nb'], 1, /'a\?\?b'/],
    [['user', 'list', '--role', 'doctor', '--role', 'admin'], 2, /--role is there twice/],
    [['user', 'list', '--name', 'x'], 2, /--name is for add, not for list/],
    [['user', 'list', '--password-stdin'], 2, /--password-stdin is for add,password/],
    [['user', 'show', '1', '--role', 'doctor'], 2, /--role is for list,add/],
    [['user', 'show', ''], 2, /one of the arguments is empty/],
    [['user', 'show', long], 1, /nobody has/],
    [['user', 'logout', '99999999999999999999'], 1, /nobody has/],
    [['user', 'add', 'a@example.com', '--name', 'x', '--locale', 'tlh'], 2, /--locale is en or ar, not 'tlh'/],
    [['user', 'add', 'a@example.com', '--name', 'x', '--locale', long], 2, /--locale is en or ar/],
    [['user', 'add', 'a@example.com', '--name', 'x', '--locale', ''], 2, /--locale wants a value/],
    [['user', 'add', 'a@example.com', '--name', 'x'.repeat(256)], 2, /--name is a line of UTF-8 of at most 255 bytes/],
    [['user', 'add', 'a@example.com', '--name', 'x\ny'], 2, /--name is a line/],
    [['user', 'add', 'a@b@example.com', '--name', 'x'], 2, /no e-mail address/],
    [['user', 'add', 'a b@example.com', '--name', 'x'], 2, /no e-mail address/],
    [['user', 'add', `${long}@example.com`, '--name', 'x'], 2, /EMAIL is a line/],
    [['token', 'create'], 2, /say --user WHO/],
    [['token', 'create', '--user', 'nobody@example.com'], 1, /nobody has/],
    [['token', 'create', '--user', 'patient@example.com', '--abilities', 'a,,b'], 2, /--abilities is a list/],
    [['token', 'create', '--user', 'patient@example.com', '--abilities', 'a,'], 2, /--abilities is a list/],
    [['token', 'create', '--user', 'patient@example.com', '--abilities', 'a b'], 2, /--abilities is a list/],
    [['token', 'create', '--user', 'patient@example.com', '--abilities', long], 2, /--abilities is a list/],
    [['token', 'create', '--user', 'patient@example.com', '--abilities', Array(21).fill('a').join()], 2, /--abilities is a list/],
    [['token', 'create', '--user', 'patient@example.com', '--name', long], 2, /--name is a line/],
    ...['0', '-5s', '+5s', ' 5s', '5y', '99999999999999999999d', '5'.repeat(1000)].map((time) => (
      [['token', 'create', '--user', 'patient@example.com', '--expires', time], 2, /--expires is a time/])),
    [['token', 'list', '--name', 'x'], 2, /--name is for create/],
    [['token', 'revoke', ' 1'], 2, /ID is a number/], [['token', 'revoke', '1x'], 2, /ID is a number/],
    [['token', 'revoke', '1', '--user', '1'], 2, /--user is for list,create/],
    [['hold', 'add'], 2, /wants --conversation/],
    [['hold', 'add', '--conversation', String(conv.id)], 2, /wants --why/],
    [['hold', 'add', '--conversation', String(conv.id), '--why', long], 2, /--why is a line/],
    [['hold', 'add', '--conversation', 'x', '--why', 'y'], 1, /there is no conversation x/],
    [['hold', 'release', '--conversation', '999999'], 1, /there is no conversation 999999/],
    [['hold', 'release', '--conversation', String(conv.id)], 1, /is not on hold/],
    [['hold', 'list', '--conversation', '1'], 2, /--conversation is for add,release/],
    [['purge', 'set', 'complete', '30'], 1, /no conversation has the status 'complete'/],
    [['purge', 'set', '', '30'], 2, /empty/], [['purge', 'set', long, '30'], 2, /STATUS is a line/],
    [['purge', 'set', 'completed', '0'], 2, /DAYS is a number/], [['purge', 'set', 'completed', '36601'], 2, /DAYS is a number/],
    [['purge', 'unset', 'completed'], 1, /there is no rule for completed/],
    [['purge', 'rules', '--dry-run'], 2, /--dry-run is for run/],
    [['purge', 'run', '--files', at('none')], 2, /there is no directory/],
    [['purge', 'run', '--files', at('text')], 2, /there is no directory/],
    [['erase', '--user', 'patient@example.com', '--files', at('none')], 2, /there is no directory/],
    [['erase', '--user', 'patient@example.com', '--user', 'doctor@example.com'], 2, /--user is there twice/],
    [['export', '--user', 'patient@example.com', '--out', '-', '--files', at('none')], 2, /there is no directory/],
    [['export', '--user', 'patient@example.com', '--out', at('directory')], 1, /cannot be made/],
    [['export', '--user', 'patient@example.com', '--out', at('none/x')], 1, /cannot be made/],
    [['export', '--user', 'patient@example.com', '--out', '-', '--keys', 'x'], 2, /--keys is file:\/path or command:\/path/],
    [['audit', 'list', '--limit', '0'], 2, /--limit is a number/],
    [['audit', 'list', '--limit', '99999999999999999999'], 2, /--limit is a number/],
    ...['yesterday', '2026-13-01', '2026-02-29', '2026-11-31', '2026-11-29T24:00:00Z', '2026-11-29T16:60:00Z', long].map((time) => (
      [['audit', 'list', '--since', time], 2, /--since is a time/])),
    [['audit', 'purge', '--before', '9999-99-99'], 2, /--before is a time/],
    [['audit', 'purge'], 2, /purge wants --before/],
    [['audit', 'list', '--before', '2026-01-01'], 2, /--before is for purge/],
    [['audit', 'verify', '--user', '1'], 2, /--user is for list/],
    [['audit', 'verify', '--audit-key', 'x'], 2, /--audit-key is file:/],
    [['audit', 'verify', '--since-checkpoint', at('none')], 1, /cannot be read/],
    [['audit', 'checkpoint', '--out', '/dev/full'], 1, /cannot be written/],
    [['audit', 'list', 'x'], 2, /'x' is one argument too many/],
    [['keys', 'check'], 2, /say --keys SETTING/], [['keys', 'check', '--keys', 'x'], 2, /--keys is file:/],
    [['keys', 'check', '--keys', `file:${at('none')}`], 1, /none/],
    [['keys', 'check', '--open', ...keys], 2, /--open is for reseal/],
    [['keys', 'renew', 'x', ...keys], 1, /there is no conversation x/],
    [['keys', 'verify', '999999', ...keys], 1, /there is no conversation 999999/],
    [['keys', 'reseal', '999999', ...keys], 1, /there is no conversation/],
    [['tail', '--since', '99999999999999999999'], 2, /--since is an event's id/],
    [['tail', '--since', '0x1'], 2, /--since is an event's id/],
    [['tail', '--event', ''], 2, /--event wants a value/],
    [['migrate', '--adapt', 'rails'], 2, /--adapt is laravel or none/],
    [['migrate', '--check', '--sample'], 2, /--check changes nothing/],
  ];
  const before = site.sql('SELECT count(*) FROM chat_audit;');
  for (const [args, status, why] of rows) {
    fails([...args, ...db], status, why);
  }
  assert.equal(site.sql('SELECT count(*) FROM chat_audit;'), before, 'what was refused is not written down as done');
  fails(['trigger', 'a', '--event', 'x', '--config', site.path('conf', 'chat-push.json'), '--url', 'ftp://x'], 2, /--url is http:/);
});

test('a password from stdin is one that somebody can log in with', () => {
  const rows = [['', /no password came/], ['short\n', /8 to 72 bytes/], [`${'x'.repeat(73)}\n`, /8 to 72 bytes/],
    ['correct\0horse battery\n', /NUL/], [Buffer.from('correct h\xe9\xff\xferse\n', 'latin1'), /UTF-8/]];
  for (const [input, why] of rows) {
    fails(['user', 'password', 'patient@example.com', '--password-stdin', ...db], 1, why, { input });
  }
  // Not from JavaScript, whose arguments are UTF-8.
  const r = spawnSync('sh', ['-c', '"$0" user add a@example.com --name "$(printf "\\377")" --database "$1"', chatctl, site.db], { encoding: 'utf8', env });
  assert.equal(r.status, 2);
  assert.match(r.stderr, /--name is a line of UTF-8/);
});

test('an id that only looks like one is the one the database has', () => {
  const odd = `0${conv.id}`;
  const wanted = site.dbFile ? odd : String(conv.id);
  assert.deepEqual(json(['hold', 'add', '--conversation', wanted, '--why', 'a court', ...db]), [{ conversation_id: String(conv.id), status: 'on hold' }]);
  fails(['hold', 'add', '--conversation', String(conv.id), '--why', 'again', ...db], 1, /on hold already/);
  fails(['erase', '--user', 'patient@example.com', ...db], 1, /is on legal hold/);
  assert.deepEqual(json(['hold', 'release', '--conversation', wanted, ...db]), [{ conversation_id: String(conv.id), status: 'released' }]);
  assert.equal(json(['keys', 'renew', wanted, ...keys, ...db])[0].conversation_id, String(conv.id));
  assert.equal(json(['keys', 'check', ...keys, ...db])[0].lost, 0, 'its key opens');
});

test('what cannot be written is not done in silence: a full disk, a pipe that nobody reads', () => {
  for (const args of [['user', 'list'], ['audit', 'list'], ['hold', 'list', '--json'], ['migrate', '--check'], ['export', '--user', 'patient@example.com', '--out', '-'], ['user', 'list', '--help']]) {
    const full = spawnSync('sh', ['-c', '"$0" "$@" >/dev/full', chatctl, ...args, ...(args.includes('--help') ? [] : db)], { encoding: 'utf8', env });
    assert.equal(full.status, 1, `${args}: ${full.stderr}`);
    assert.match(full.stderr, /cannot be written|could not be written/);
  }
  // The reader is gone before the first byte.
  const shut = spawnSync('bash', ['--norc', '-c', 'exec 3> >(exec true); wait $!; "$0" "$@" >&3', chatctl, 'user', 'list', ...db], { encoding: 'utf8', env });
  assert.equal(shut.status, 1, shut.stderr);
  assert.match(shut.stderr, /^chatctl: what was done could not be written to stdout: nobody reads it\n$/);
});

test('who changes something with chatctl is in the audit log', () => {
  const last = () => Number(site.sql("SELECT coalesce(max(seq), 0) FROM chat_audit WHERE via = 'chatctl';"));
  const since = (seq) => site.sql(`SELECT action, conversation_id, object FROM chat_audit WHERE via = 'chatctl' AND seq > ${seq} ORDER BY seq;`)
    .trim().split('\n').filter(Boolean);
  const written = (args, ...entries) => {
    const seq = last();
    const answer = json([...args, ...db]);
    assert.deepEqual(since(seq), entries.map((e) => (typeof e === 'function' ? e(answer[0]) : e)), shown(args));
    return answer[0];
  };
  const { id } = written(['user', 'add', 'audited@example.com', '--name', 'Audited', '--locale', 'ar'], (a) => `user.added||user ${a.id}`);
  written(['user', 'password', 'audited@example.com'], `user.password||user ${id}`);
  const token = written(['token', 'create', '--user', 'audited@example.com', '--abilities', 'chat:read,chat:write'], (a) => `token.created||token ${a.id} of user ${id}`);
  written(['token', 'revoke', String(token.id)], `token.revoked||token ${token.id}`);
  written(['user', 'logout', 'audited@example.com'], `user.loggedout||user ${id}`);
  written(['user', 'suspend', 'audited@example.com'], `user.suspended||user ${id}`);
  written(['user', 'activate', 'audited@example.com'], `user.activated||user ${id}`);
  written(['keys', 'renew', String(conv.id), ...keys], (a) => `keys.renewed|${conv.id}|key ${a.key}`);
  written(['hold', 'add', '--conversation', String(conv.id), '--why', 'x'], `hold.placed|${conv.id}|`);
  written(['hold', 'release', '--conversation', String(conv.id)], `hold.released|${conv.id}|`);
  written(['purge', 'set', 'cancelled', '3650'], 'retention.rule||cancelled 3650');
  written(['purge', 'unset', 'cancelled'], 'retention.rule||cancelled none');
  written(['purge', 'run', '--dry-run']);
  written(['export', '--user', 'audited@example.com', '--out', at('export')], `export||user ${id}`);
  written(['erase', '--user', 'audited@example.com', '--dry-run']);
  written(['erase', '--user', 'audited@example.com'], `erase||user ${id}`);
  for (const quiet of [['user', 'list'], ['user', 'show', 'patient@example.com'], ['token', 'list'], ['hold', 'list'], ['purge', 'rules'], ['keys', 'check', ...keys]]) {
    written(quiet);
  }
  // What fails leaves no entry.
  const seq = last();
  fails(['user', 'add', 'patient@example.com', '--name', 'x', ...db], 1, /already/);
  fails(['token', 'revoke', '999999', ...db], 1, /there is no token/);
  assert.deepEqual(since(seq), []);
  assert.equal(json(['audit', 'verify', ...db])[0].intact, true);
});
