// SPDX-License-Identifier: Apache-2.0
//
// The PHP stand-in: chat.php inside httpd (prefork and mod_php), and the sink that
// takes what it publishes. Nothing of an installed Apache's configuration is read or
// changed; the module is the installed one, or the one that ./configure
// --install-bench-deps has unpacked below the build directory without installing it.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { closedFolder, freePort, root, runUser, sleep, SiteError } from '../../../dev/site.mjs';

const httpd = process.env.CHAT_HTTPD || '/usr/sbin/apache2';
const modules = process.env.CHAT_HTTPD_MODULES || '/usr/lib/apache2/modules';

/** libphp of any version, or null. */
export function phpModule(build) {
  for (const dir of [path.join(build, 'bench/php', modules), modules]) {
    const found = fs.existsSync(dir) && fs.readdirSync(dir).filter((n) => /^libphp\d*(\.\d+)?\.so$/.test(n)).sort().pop();
    if (found) {
      return path.join(dir, found);
    }
  }
  return null;
}

const answers = (port) => new Promise((done) => {
  const s = net.connect(port, '127.0.0.1', () => { s.destroy(); done(true); });
  s.on('error', () => done(false));
});

export class Peer {
  /**
   * @param o.dir    everything lies here; httpd's children must be able to enter it
   * @param o.build  where the sink is
   * @param o.dsn    the database, in libpq's words
   */
  constructor({ dir, build, dsn }) {
    Object.assign(this, { dir, build, dsn, children: [] });
  }

  /** In a group of its own: httpd signals its whole group when it ends. */
  launch(file, args, env = {}) {
    const log = fs.openSync(path.join(this.dir, 'peer.log'), 'a');
    const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', file, ...args],
      { detached: true, stdio: ['ignore', log, log], cwd: this.dir, env: { PATH: process.env.PATH, ...env } });
    fs.closeSync(log);
    child.gone = new Promise((done) => child.once('exit', done));
    this.children.push(child);
    return child;
  }

  conf(sinkPort) {
    const user = runUser();
    const load = ['mpm_prefork', 'authz_core', 'mime', 'alias', 'rewrite', 'env', 'dir', 'unixd', 'log_config']
      .filter((m) => fs.existsSync(path.join(modules, `mod_${m}.so`)))
      .map((m) => `LoadModule ${m}_module ${modules}/mod_${m}.so`);
    return `ServerName localhost
ServerRoot "${this.dir}"
PidFile prefork.pid
DefaultRuntimeDir .
Listen 127.0.0.1:${this.port}
ErrorLog prefork.err
LogLevel warn
CustomLog access.log "%h %l %u %t \\"%m %U %H\\" %>s %b %D"
${user ? `User ${user.name}\nGroup #${user.gid}` : ''}
${load.join('\n')}
LoadModule php_module "${phpModule(this.build)}"
PHPINIDir "${this.dir}"
StartServers 20
MinSpareServers 20
MaxSpareServers 64
ServerLimit 64
MaxRequestWorkers 64
MaxConnectionsPerChild 0
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 15
TypesConfig /dev/null
DocumentRoot "${this.dir}/doc"
<Directory "${this.dir}/doc">
  Require all granted
  AllowOverride None
  CGIPassAuth On
</Directory>
RewriteEngine On
RewriteRule ^/chat/ "${this.dir}/doc/chat.php" [L]
<FilesMatch "\\.php$">
  SetHandler application/x-httpd-php
</FilesMatch>
SetEnv CHAT_DSN "${this.dsn}"
SetEnv CHAT_SINK 127.0.0.1:${sinkPort}
SetEnv CHAT_PUBLISH keep
`;
  }

  async start() {
    fs.mkdirSync(path.join(this.dir, 'doc'), { recursive: true });
    const user = runUser();
    const closed = closedFolder(path.join(this.dir, 'doc'), user);
    if (closed) {
      throw new SiteError(`${user.name} cannot enter ${closed}`);
    }
    fs.copyFileSync(path.join(root, 'test/bench/rest/chat.php'), path.join(this.dir, 'doc/chat.php'));
    // Only this file: what distributions put into conf.d is not read.
    fs.writeFileSync(path.join(this.dir, 'php.ini'), 'extension=pgsql\nextension=iconv\nzend_extension=opcache\n' +
      'display_errors=0\nlog_errors=1\nopcache.enable=1\nopcache.validate_timestamps=0\n');
    fs.mkdirSync(path.join(this.dir, 'none'), { recursive: true });
    const sinkPort = await freePort();
    this.port = await freePort();
    this.url = `http://127.0.0.1:${this.port}`;
    fs.writeFileSync(path.join(this.dir, 'httpd.conf'), this.conf(sinkPort));
    this.sink = this.launch(path.join(this.build, 'bench/sink'), [String(sinkPort)]);
    this.httpd = this.launch(httpd, ['-D', 'FOREGROUND', '-f', path.join(this.dir, 'httpd.conf')],
      { PHP_INI_SCAN_DIR: path.join(this.dir, 'none') });
    for (let i = 0; i < 200; i++) {
      if (await answers(this.port) && await answers(sinkPort)) {
        return;
      }
      await sleep(50);
    }
    throw new SiteError(`the PHP stand-in did not start: see ${this.dir}/prefork.err and peer.log`);
  }

  async stop() {
    for (const child of this.children.splice(0).reverse()) {
      if (child.exitCode === null) {
        child.kill('SIGTERM');
        await child.gone;
      }
    }
  }
}
