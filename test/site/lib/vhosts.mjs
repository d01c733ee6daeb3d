// SPDX-License-Identifier: Apache-2.0
//
// The ready virtual hosts of conf/sites as somebody uses them: the very file, with
// ports and paths of the test's site in place of the ordinary ones. Each
// <VirtualHost *:N> of a file gets a port of its own.

import fs from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { freePort, root } from '../../../dev/site.mjs';

export const folder = path.join(root, 'conf', 'sites');

/**
 * @param {string} name     of the file, without .conf
 * @param {TestSite} site
 * @param {number[]} ports  of its hosts, in their order
 * @param {TestSite} [other]  whose database and chat-push a second chat has
 * @return its text, and what listens
 */
export function hostFile(name, site, ports, other = null) {
  let text = fs.readFileSync(path.join(folder, `${name}.conf`), 'utf8');
  for (const [from, to] of [
    ['@PREFIX@/share/mod_chat/htdocs', site.path('htdocs')],
    ['@PREFIX@/share/mod_chat/conf', path.join(root, 'conf')],
    ['sqlite:/var/lib/mod_chat/chat.db', site.db],
    ['/etc/mod_chat/chat-push.json', site.path('conf', 'chat-push.json')],
    ['/var/lib/mod_chat/files', site.path('files')],
    ['/var/lib/mod_chat/audit', site.path('audit')],
    ['CHAT_PUSH_PORT 6001', `CHAT_PUSH_PORT ${site.o.pushPort}`],
    ['127.0.0.1:6001', `127.0.0.1:${site.o.pushPort}`],
    ['/etc/letsencrypt/live/chat.example.org/fullchain.pem', site.path('conf', 'tls.crt')],
    ['/etc/letsencrypt/live/chat.example.org/privkey.pem', site.path('conf', 'tls.key')],
    ['/var/www/html', site.path('www')],
    ...(other ? [
      ['sqlite:/var/lib/mod_chat/second.db', other.db],
      ['/etc/mod_chat/second.json', other.path('conf', 'chat-push.json')],
      ['/var/lib/mod_chat/second-files', other.path('files')],
      ['/var/lib/mod_chat/second-audit', other.path('audit')],
      ['CHAT_PUSH_PORT 6002', `CHAT_PUSH_PORT ${other.o.pushPort}`],
    ] : []),
  ]) {
    text = text.replaceAll(from, to);
  }
  let n = 0;
  text = text.replace(/^<VirtualHost \*:\d+>/gm, () => `<VirtualHost 127.0.0.1:${ports[n++]}>`);
  return `Define CHAT_FILES_PROGRAM "${site.path('bin', 'chat-files')}"\n${ports.slice(0, n).map((p) => `Listen 127.0.0.1:${p}`).join('\n')}\n${text}`;
}

/** An authority of the test's own, and a certificate of chat.example.org. @return the authority's PEM */
export function makeCertificate(site) {
  const at = (name) => site.path('conf', name);
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  fs.mkdirSync(site.path('conf'), { recursive: true });
  openssl('req', '-x509', ...key, '-days', '2', '-subj', '/CN=test authority', '-keyout', at('ca.key'), '-out', at('ca.crt'));
  openssl('req', ...key, '-subj', '/CN=chat.example.org', '-keyout', at('tls.key'), '-out', at('tls.csr'));
  fs.writeFileSync(at('san'), 'subjectAltName=DNS:chat.example.org\nbasicConstraints=critical,CA:FALSE\n');
  openssl('x509', '-req', '-in', at('tls.csr'), '-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2',
    '-extfile', at('san'), '-out', at('tls.crt'));
  return fs.readFileSync(at('ca.crt'), 'utf8');
}

/** Ports that are free. */
export const freePorts = (n) => Promise.all(Array.from({ length: n }, () => freePort()));
