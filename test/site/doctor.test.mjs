// SPDX-License-Identifier: Apache-2.0
//
// chatctl doctor on a real site: it finds nothing on one that is well; then the site
// is broken in one way after another, and each time that way is found, with the file
// and line or the setting and what to do, and nothing else is said to have failed.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';
import { startCluster } from './lib/postgres.mjs';
import { eventually, startSite } from './lib/site.mjs';

const modules = process.env.CHAT_HTTPD_MODULES || '/usr/lib/apache2/modules';
const httpd = process.env.CHAT_HTTPD || '/usr/sbin/apache2';

async function freePorts(n) {
  const servers = await Promise.all(Array.from({ length: n }, () => new Promise((resolve, reject) => {
    const probe = net.createServer().once('error', reject).listen(0, '127.0.0.1', () => resolve(probe));
  })));
  const ports = servers.map((s) => s.address().port);
  await Promise.all(servers.map((s) => new Promise((resolve) => s.close(resolve))));
  return ports;
}

const names = ['tls', 'expired', 'short', 'alone', 'other'];
const [own, pushPort, metricsPort, ...ports] = await freePorts(3 + names.length);
const port = Object.fromEntries(names.map((name, i) => [name, ports[i]]));

// --- certificates: an authority, one between, and what it signs ----------------------

function certificates(dir) {
  const at = (name) => `${dir}/${name}`;
  const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const key = (name) => openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', at(`${name}.key`));
  const sign = (name, by, days, extensions) => {
    key(name);
    openssl('req', '-new', '-key', at(`${name}.key`), '-subj', `/CN=${name}`, '-out', at(`${name}.csr`));
    fs.writeFileSync(at('ext'), extensions);
    openssl('x509', '-req', '-in', at(`${name}.csr`), '-CA', at(`${by}.crt`), '-CAkey', at(`${by}.key`), '-CAcreateserial',
      '-days', String(days), '-extfile', at('ext'), '-out', at(`${name}.crt`));
  };
  key('root');
  openssl('req', '-x509', '-key', at('root.key'), '-subj', '/CN=Test Root', '-days', '90', '-out', at('root.crt'));
  sign('between', 'root', 90, 'basicConstraints=critical,CA:TRUE\n');
  const san = 'basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n';
  sign('good', 'between', 60, san);
  sign('short', 'between', 5, san);
  sign('expired', 'between', -1, san);
  sign('other', 'between', 60, 'basicConstraints=CA:FALSE\nsubjectAltName=DNS:www.example.com\n');
  const chain = fs.readFileSync(at('between.crt'), 'utf8');
  for (const name of ['good', 'short', 'expired', 'other']) {
    fs.writeFileSync(at(`${name}.pem`), fs.readFileSync(at(`${name}.crt`), 'utf8') + chain);
  }
}

const certificate = { tls: 'good.pem', expired: 'expired.pem', short: 'short.pem', alone: 'good.crt', other: 'other.pem' };
const keyOf = { tls: 'good', expired: 'expired', short: 'short', alone: 'good', other: 'other' };

const site = await startSite({
  db: 'sqlite',
  port: own,
  pushPort,
  metricsPort,
  appConf: { allowedOrigins: [`http://127.0.0.1:${own}`, ...ports.map((p) => `https://localhost:${p}`)] },
  before(s) {
    fs.mkdirSync(s.path('conf'), { recursive: true });
    certificates(s.path('conf'));
    s.o.extraConf = [
      `LoadModule ssl_module ${modules}/mod_ssl.so`,
      'SSLSessionCache none',
      'Timeout 60',
      'MinSpareThreads 128',
      'AsyncRequestWorkerFactor 20',
      ...names.flatMap((name) => [
        `Listen 127.0.0.1:${port[name]}`,
        `<VirtualHost 127.0.0.1:${port[name]}>`,
        '  ServerName localhost',
        '  SSLEngine On',
        `  SSLCertificateFile conf/${certificate[name]}`,
        `  SSLCertificateKeyFile conf/${keyOf[name]}.key`,
        '</VirtualHost>',
      ]),
    ].join('\n');
  },
});
site.expectLog(/ssl:warn\] .*AH0(1882|1873|1909|1906)/); // its own affairs
site.expectLog(/AH00558|AH00112/);
site.expectLog(/AsyncRequestWorkerFactor is/);

const conf = site.path('conf', 'httpd.conf');
const pushConf = site.path('conf', 'chat-push.json');

/** Run the doctor. @return { status, checks, failed, out } */
function doctor(...args) {
  const given = [
    'doctor', '--json', '--timeout', '2', '--cafile', site.path('conf', 'root.crt'), '--httpd', httpd,
    ...(args.includes('--httpd-conf') ? [] : ['--httpd-conf', conf]), ...args,
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(site.path('bin', 'chatctl'), given, { env: { PATH: process.env.PATH, HOME: site.dir, TZ: 'UTC', ...site.httpdEnv(), ...doctor.env } });
    let out = '';
    let err = '';
    child.stdout.on('data', (d) => { out += d; });
    child.stderr.on('data', (d) => { err += d; });
    child.once('error', reject);
    child.once('close', (status) => {
      try {
        const json = JSON.parse(out);
        const of = (s) => json.checks.filter((c) => c.status === s);
        resolve({ status, json, failed: of('fail'), warned: of('warn'), unknown: of('unknown'), ok: of('ok'), err });
      } catch {
        reject(new Error(`chatctl ${given.join(' ')}: ${status}\n${out}\n${err}`));
      }
    });
  });
}

const told = (checks) => checks.map((c) => `${c.check}: ${c.where}: ${c.what} -> ${c.remedy}`).join('\n');

test('a good site is all well, plain and by TLS', async () => {
  for (const args of [[], ['--url', `http://127.0.0.1:${own}`], ['--url', `https://localhost:${port.tls}`]]) {
    const r = await doctor(...args);
    assert.equal(told([...r.failed, ...r.warned, ...r.unknown]), '', args.join(' '));
    assert.equal(r.status, 0);
    console.log(r.ok.map((c) => `${c.check}: ${c.what}`).join('\n'));
  }
});
