// SPDX-License-Identifier: Apache-2.0
//
// Whoever Apache has authenticated is that user of the chat, by any module: Basic against
// a file and against the database, a form with a session, LDAP (slapd as a process of
// the test's own), OpenID Connect (a module that does what mod_auth_openidc does). How the
// name is looked up is the site's to say, and never the client's.

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { cleanup } from './lib/cleanup.mjs';
import { Client } from './lib/client.mjs';
import { build, eventually, startSite, testDatabase, testDir } from './lib/site.mjs';
import { Door, alive, event, subscribe } from './lib/upgrade.mjs';
import { freePort } from '../../dev/site.mjs';

const modules = process.env.CHAT_HTTPD_MODULES || '/usr/lib/apache2/modules';
const load = (...names) => names.map((n) => `LoadModule ${n}_module ${modules}/mod_${n}.so`).join('\n');
/** Where the password of everybody is `secret`, in a file as htpasswd makes it. */
const sha = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='; // of "secret"

// --- a directory, in a process of its own ------------------------------------------------
async function slapd() {
  const dir = testDir('slapd');
  const port = await freePort();
  fs.writeFileSync(path.join(dir, 'slapd.conf'), `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile ${dir}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
maxsize 10485760
suffix "dc=clinic"
rootdn "cn=root,dc=clinic"
rootpw secret
directory ${dir}
`);
  const person = (uid, mail) => `dn: uid=${uid},dc=clinic
objectClass: inetOrgPerson
uid: ${uid}
cn: ${uid}
sn: ${uid}
mail: ${mail}
userPassword: secret
`;
  fs.writeFileSync(path.join(dir, 'people.ldif'), `dn: dc=clinic
objectClass: dcObject
objectClass: organization
dc: clinic
o: Clinic

${person('mona', 'patient@example.com')}
${person('nobody', 'nobody@example.com')}`);
  execFileSync('/usr/sbin/slapadd', ['-f', path.join(dir, 'slapd.conf'), '-l', path.join(dir, 'people.ldif')], { stdio: 'pipe' });
  const child = spawn('/usr/sbin/slapd', ['-f', path.join(dir, 'slapd.conf'), '-h', `ldap://127.0.0.1:${port}`, '-d', '0'], { stdio: 'ignore' });
  const gone = new Promise((done) => child.once('exit', done));
  cleanup(async () => {
    child.kill('SIGTERM');
    await gone;
    fs.rmSync(dir, { recursive: true, force: true });
  });
  await eventually(() => spawnSync('ldapwhoami', ['-x', '-H', `ldap://127.0.0.1:${port}`], { stdio: 'ignore' }).status === 0, 'slapd answers');
  return port;
}

const db = await testDatabase();
const names = ['own', 'database', 'form', 'ldap', 'oidc', 'early', 'byName', 'byId', 'byTable'];
const ports = Object.fromEntries(await Promise.all(names.map(async (n) => [n, await freePort()])));
const ldapPort = await slapd();
const host = (name, lines, auth) => `Listen 127.0.0.1:${ports[name]}
<VirtualHost 127.0.0.1:${ports[name]}>
${lines}
<Location "/">
${auth}
</Location>
</VirtualHost>`;
const basic = 'AuthType Basic\nAuthName chat\nAuthBasicProvider file\nAuthUserFile conf/people\nRequire valid-user';
const pgsql = db !== 'sqlite';

const site = await startSite({
  db,
  port: ports.own,
  before(s) {
    fs.mkdirSync(s.path('conf'), { recursive: true });
    fs.mkdirSync(s.path('db'), { recursive: true });
    // httpd's children look at the table as they start.
    execFileSync(...(pgsql ? ['psql', ['-X', '-q', db]] : ['sqlite3', [s.path('db', 'people.db')]]),
      { input: `CREATE TABLE httpd_people (email text, password text); INSERT INTO httpd_people VALUES ('patient@example.com', '${sha}');` });
    // Who may log in at httpd; what mod_chat makes of the name is its own affair.
    fs.writeFileSync(s.path('conf', 'people'), ['patient@example.com', 'PATIENT@example.com', 'Mona Haddad', '1', '01', 'mona.h', 'stranger', 'nobody@example.com']
      .map((n) => `${n}:${sha}`).join('\n'));
    fs.copyFileSync(path.join(build, 'mod_auth_stand_in.so'), s.path('conf', 'mod_auth_stand_in.so'));
  },
  extraConf: `${load('auth_basic', 'authn_file', 'authz_user', 'dbd', 'authn_dbd', 'session', 'session_cookie', 'request', 'auth_form', 'ldap', 'authnz_ldap')}
LoadModule auth_stand_in_module conf/mod_auth_stand_in.so
<Location "/server-status">
  AuthType None
</Location>
${host('database', `DBDriver ${pgsql ? 'pgsql' : 'sqlite3'}
DBDParams "${pgsql ? db : 'db/people.db'}"`, `AuthType Basic
AuthName chat
AuthBasicProvider dbd
AuthDBDUserPWQuery "SELECT password FROM httpd_people WHERE email = %s"
Require valid-user`)}
${host('form', '', `AuthFormProvider file
AuthType form
AuthName chat
AuthUserFile conf/people
Session On
SessionCookieName apache_session path=/;HttpOnly
Require valid-user`).replace('</VirtualHost>', `<Location "/in">
SetHandler form-login-handler
AuthFormLoginSuccessLocation /chat/me
AuthFormLoginRequiredLocation /nowhere
</Location>
</VirtualHost>`)}
${host('ldap', 'ChatUserFrom env:AUTHENTICATE_MAIL\nChatUserBy email', `AuthType Basic
AuthName chat
AuthBasicProvider ldap
AuthLDAPURL "ldap://127.0.0.1:${ldapPort}/dc=clinic?uid,mail"
Require valid-user`)}
${host('oidc', 'ChatUserFrom env:OIDC_CLAIM_email\nChatUserBy email', 'AuthType openid-connect\nStandInFile conf/who\nRequire valid-user')}
${host('early', 'ChatUserFrom env:OIDC_CLAIM_email\nChatUserBy email', 'StandInFile conf/who\nStandInEarly On')}
${host('byName', 'ChatUserBy name', basic)}
${host('byId', 'ChatUserBy id', basic)}
${host('byTable', 'ChatUserBy table\nChatLogoutURL https://sso.example/out?a=b&c=d', basic)}`,
});
site.expectLog(/auth_basic:error\] .*AH0161[78]|authn_.*AH01[67]|AH0161|user .* not found|authnz_ldap|AH01807/);
const { accounts, conversations } = site.people();
const idOf = (email) => accounts.find((a) => a.email === email).user_id;
const [patient, doctor] = [idOf('patient@example.com'), idOf('doctor@example.com')];
const conv = conversations.find((c) => c.patient === patient).id;
const foreign = conversations.find((c) => c.patient !== patient).id;
site.sql(`INSERT INTO chat_logins (name, user_id) VALUES ('mona.h', ${patient});`);
// The first host has no authentication: Basic stands in a host of its own.
const url = (name) => `http://127.0.0.1:${ports[name]}`;
const as = (user) => ({ Authorization: `Basic ${Buffer.from(`${user}:secret`).toString('base64')}` });
const me = async (name, headers) => new Client(url(name)).get('/chat/me', { headers });

/** All that a browser does: asks who it is, writes with the token that it was given, and
 *  cannot be made to write by another site. */
async function isPatient(name, headers) {
  const client = new Client(url(name));
  const r = await client.get('/chat/me', { headers });
  assert.equal(r.status, 200, `${name}: ${r.text}`);
  assert.equal(r.json.user.id, patient);
  const post = (more, body = { content: name }) => client.post(`/chat/conversation/${conv}/message`, body, { headers: { ...headers, ...more } });
  const token = { 'X-CSRF-TOKEN': r.json.csrf_token };
  assert.equal((await post(token)).status, 201);
  assert.equal((await post({ ...token, Origin: url(name) })).status, 201);
  assert.equal((await post({})).status, 419, 'a browser sends the log-in by itself');
  assert.equal((await post({ 'X-CSRF-TOKEN': 'x'.repeat(64) })).status, 419);
  assert.equal((await post({ ...token, Origin: 'https://evil.example' })).status, 419);
  assert.equal((await post({ ...token, 'Sec-Fetch-Site': 'cross-site' })).status, 419);
  assert.equal((await client.get(`/chat/conversation/${foreign}/messages`, { headers })).status, 404);
  assert.equal((await client.get('/chat/sessions', { headers })).status, 200);
}

/** A socket is the user's, and ends when the user may not log in any more. */
async function hasSocket(name, headers) {
  const peer = await new Door(ports[name]).open({ ...headers, Origin: url(name) });
  peer.send(subscribe(`private-user.${patient}`));
  assert.equal((await event(peer)).event, 'pusher_internal:subscription_succeeded', name);
  const evil = await new Door(ports[name]).open({ ...headers, Origin: 'https://evil.example' });
  evil.send(subscribe(`private-user.${patient}`));
  assert.equal((await event(evil)).data.status, 401, 'another site\'s page has no user');
  await alive(peer);
  site.sql(`UPDATE users SET status = 'suspended' WHERE id = ${patient};`);
  try {
    for (;;) {
      const f = await peer.frame();
      if (f.opcode === 8) {
        assert.equal(f.payload.readUInt16BE(0), 4009);
        break;
      }
    }
    assert.equal((await me(name, headers)).status, 403);
  } finally {
    site.sql(`UPDATE users SET status = 'active' WHERE id = ${patient};`);
  }
  evil.socket.destroy();
}

test('Basic against a file, looked up by name', async () => {
  await isPatient('byName', as('Mona Haddad'));
  await hasSocket('byName', as('Mona Haddad'));
  for (const user of ['patient@example.com', '1', 'stranger']) {
    assert.equal((await me('byName', as(user))).status, 403, user);
  }
  assert.equal((await me('byName', {})).status, 401, 'httpd\'s own');
});

test('Basic against a file, looked up by id', async () => {
  assert.equal(String(patient), '1');
  await isPatient('byId', as('1'));
  for (const user of ['patient@example.com', 'Mona Haddad', 'stranger']) {
    assert.equal((await me('byId', as(user))).status, 403, user);
  }
});

test('Basic against a file, looked up in a table', async () => {
  await isPatient('byTable', as('mona.h'));
  for (const user of ['patient@example.com', '1', 'stranger']) {
    assert.equal((await me('byTable', as(user))).status, 403, user);
  }
});

test('Basic against the database of mod_authn_dbd, looked up as the default is', async () => {
  await isPatient('database', as('patient@example.com'));
  assert.equal((await me('database', as('doctor@example.com'))).status, 401);
});

test('a form and a session of mod_auth_form', async () => {
  const client = new Client(url('form'));
  const r = await client.form('/in', { httpd_username: 'patient@example.com', httpd_password: 'secret' });
  assert.equal(r.status, 302, r.text);
  const cookie = r.headers.get('set-cookie').split(';')[0];
  await isPatient('form', { Cookie: cookie });
  await hasSocket('form', { Cookie: cookie });
  assert.notEqual((await client.form('/in', { httpd_username: 'patient@example.com', httpd_password: 'wrong' })).headers.get('location'), '/chat/me');
});

test('LDAP: the attribute that a directory keeps decides', async () => {
  await isPatient('ldap', as('mona'));
  await hasSocket('ldap', as('mona'));
  assert.equal((await me('ldap', as('nobody'))).status, 403, 'in the directory, not in the chat');
  assert.equal((await me('ldap', as('patient@example.com'))).status, 401);
});

const who = (line) => fs.writeFileSync(site.path('conf', 'who'), `${line}\n`, { mode: 0o644 });
fs.chmodSync(site.path('conf'), 0o755);
for (const name of ['oidc', 'early']) {
  test(`OpenID Connect, ${name === 'oidc' ? 'by its AuthType' : 'set early, without one'}: a claim decides`, async () => {
    who('8f2c-subject patient@example.com');
    await isPatient(name, {});
    await hasSocket(name, {});
    who('8f2c-subject PATIENT@EXAMPLE.COM');
    assert.equal((await me(name)).json.user.id, patient);
    who('patient@example.com nobody@example.com');
    assert.equal((await me(name)).status, 403, 'the subject is not what counts here');
    // Without the claim nobody is let in by what a client says.
    who('8f2c-subject -');
    const lies = { OIDC_CLAIM_email: 'patient@example.com', 'OIDC-CLAIM-email': 'patient@example.com', REMOTE_USER: 'patient@example.com', 'X-Remote-User': 'patient@example.com' };
    assert.equal((await me(name, lies)).status, 403);
    who('- patient@example.com');
    assert.equal((await me(name, lies)).status, 401, 'a claim beside no user');
  });
}

test('no header names a user where Apache names none', async () => {
  for (const header of ['REMOTE_USER', 'X-Remote-User', 'X-Forwarded-User', 'OIDC_CLAIM_email', 'OIDC-Claim-Email', 'Remote-User']) {
    assert.equal((await me('own', { [header]: 'patient@example.com' })).status, 401, header);
  }
  assert.equal((await me('own', as('patient@example.com'))).status, 401, 'Basic counts where Apache checks it');
});

test('Apache\'s user comes before a token and a cookie', async () => {
  const phone = await site.phone('doctor@example.com');
  const browser = await site.browser('doctor@example.com');
  assert.equal((await phone.get('/chat/me')).json.user.id, doctor);
  who('8f2c-subject patient@example.com');
  const r = await me('oidc', { Authorization: `Bearer ${phone.token}`, Cookie: browser.cookie });
  assert.equal(r.json.user.id, patient);
  // and with it come its rules: a bearer token beside it is no reason to believe a POST
  const post = await new Client(url('oidc')).post(`/chat/conversation/${conv}/message`, { content: 'x' }, { headers: { Authorization: `Bearer ${phone.token}` } });
  assert.equal(post.status, 419);
});

test('who signs out is sent where the site says, by a page of ours only', async () => {
  const [client, headers] = [new Client(url('byTable')), as('mona.h')];
  const page = await client.get('/chat', { headers, accept: 'text/html' });
  assert.match(page.text, /&quot;logout&quot;:&quot;https:\/\/sso\.example\/out\?a=b\\u0026c=d&quot;/);
  const _token = (await client.get('/chat/me', { headers })).json.csrf_token;
  const r = await client.form('/chat/logout', { _token }, { headers, accept: 'text/html' });
  assert.deepEqual([r.status, r.headers.get('location')], [302, 'https://sso.example/out?a=b&c=d']);
  assert.equal((await client.form('/chat/logout', {}, { headers, accept: 'text/html' })).status, 419);
  const none = new Client(url('byId'));
  assert.match((await none.get('/chat', { headers: as('1'), accept: 'text/html' })).text, /&quot;logout&quot;:null/);
});

test('an address to sign out that is none is refused at start', () => {
  const conf = fs.readFileSync(site.path('conf', 'httpd.conf'), 'utf8');
  for (const to of ['//evil.example', '/\\evil.example', 'javascript:alert(1)', 'out', '"/a b"', '"/a<b"', `/${'a'.repeat(1000)}`, '/\xff']) {
    fs.writeFileSync(site.path('conf', 'bad.conf'), `${conf}\nChatLogoutURL ${to}\n`);
    const r = spawnSync(process.env.CHAT_HTTPD || '/usr/sbin/apache2', ['-t', '-f', site.path('conf', 'bad.conf')], { encoding: 'utf8', env: { ...process.env, ...site.httpdEnv() } });
    assert.match(r.stderr, /ChatLogoutURL: /, to);
  }
});

test('directives that would believe a client are refused', () => {
  const conf = fs.readFileSync(site.path('conf', 'httpd.conf'), 'utf8');
  for (const line of ['ChatUserFrom env:HTTP_X_USER', 'ChatUserFrom env:http_remote_user', 'ChatUserFrom header:X', 'ChatUserFrom env:', 'ChatUserBy header', 'ChatUserBy']) {
    fs.writeFileSync(site.path('conf', 'bad.conf'), `${conf}\n${line}\n`);
    const r = spawnSync(process.env.CHAT_HTTPD || '/usr/sbin/apache2', ['-t', '-f', site.path('conf', 'bad.conf')], { encoding: 'utf8', env: { ...process.env, ...site.httpdEnv() } });
    assert.notEqual(r.status, 0, line);
    assert.match(r.stderr, /ChatUser(From|By)/, line);
  }
});
