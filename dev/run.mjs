// SPDX-License-Identifier: Apache-2.0
//
// `make run`: the whole chat in the foreground, on SQLite with sample people.
//
//   PORT=8080 PUSH_PORT=6001 METRICS_PORT=9601 RUN_DIR=build/run DB=sqlite
//
// Prints the addresses and accounts, writes $RUN_DIR/run.json once everything
// answers, then prints `ready`. Ctrl-C or SIGTERM ends everything it started. A
// program that dies is started again, as systemd would; clients of chat-push wait
// for the next one meanwhile and are not refused. SIGUSR1 holds chat-push
// down until the next SIGUSR1. What a person can put right is said in one
// sentence, with exit status 1.

import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { watchParent } from './parent.mjs';
import {
  Site, SiteError, closedFolder, isPgsql, makeDir, needPrograms, portFree, root, runUser, samplePeople, sleep, tmpName, tokenFor,
} from './site.mjs';

function portOf(variable, usual) {
  const text = process.env[variable] || String(usual);
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65535) {
    throw new SiteError(`${variable}=${text} is no port: 1 to 65535`);
  }
  return port;
}

/**
 * Where to run.
 * @return {{nominal: string, dir: string}} nominal is where run.json goes: what
 *   RUN_DIR says; dir holds everything else, and is another place when httpd's
 *   children could not enter the nominal one
 */
function chooseDir(build) {
  const nominal = path.resolve(process.env.RUN_DIR || path.join(build, 'run'));
  const user = runUser();
  const closed = closedFolder(nominal, user);
  if (!closed) {
    return { nominal, dir: nominal };
  }
  const tag = createHash('sha256').update(nominal).digest('hex').slice(0, 8);
  const dir = tmpName(`mod_chat-run-${tag}`);
  if (fs.existsSync(dir) && ![0, user.uid].includes(fs.lstatSync(dir).uid)) {
    throw new SiteError(`${dir} belongs to somebody else: choose a directory with RUN_DIR=…`);
  }
  console.log(`${user.name} cannot enter ${closed}, so this run lies in ${dir}; run.json is in ${nominal}`);
  return { nominal, dir };
}

/** The pid of a run that is up in a directory, or null. */
function runningIn(dir) {
  try {
    const pid = Number(fs.readFileSync(path.join(dir, 'run', 'make-run.pid'), 'utf8'));
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('run.mjs') ? pid : null;
  } catch {
    return null;
  }
}

/** What other programs read to find this run; replaced in one step. */
function writeRunJson(file, site, accounts, conversations) {
  const run = {
    url: site.url,
    push: {
      host: '127.0.0.1', port: site.o.pushPort,
      app_id: site.app.id, key: site.app.key, secret: site.app.secret,
    },
    metrics: site.metrics,
    db: site.db,
    accounts,
    conversations,
    pids: {
      run: process.pid,
      httpd: site.httpd ? site.httpd.pid : null,
      chat_push: site.push ? site.push.pid : null,
    },
  };
  fs.writeFileSync(file + '.new', JSON.stringify(run, null, 2) + '\n', { mode: 0o600 });
  fs.renameSync(file + '.new', file);
}

function show(site, accounts) {
  const wide = Math.max(...accounts.map((a) => a.email.length));
  console.log(`
  the chat        ${site.url}/chat
  chat-push       ws://127.0.0.1:${site.o.pushPort}  app ${site.app.id}  key ${site.app.key}  secret ${site.app.secret}
  metrics         ${site.metrics}
  database        ${site.dbFile || site.db.replace(/:[^:@/]*@/, ':…@')}
  logs            ${site.path('logs')}

  sample accounts, password "password", with a bearer token each:`);
  for (const a of accounts) {
    console.log(`    ${a.email.padEnd(wide)}  ${a.role.padEnd(8)} ${a.token}  ${a.name}`);
  }
  console.log('\n  Ctrl-C ends everything.\n');
}

async function main() {
  const db = process.env.DB || 'sqlite';
  if (db !== 'sqlite' && !isPgsql(db)) {
    throw new SiteError(`DB=${db}: say DB=sqlite or DB=postgresql://user:password@host/database`);
  }
  needPrograms(db);
  const build = process.env.CHAT_BUILD || path.join(root, 'build');
  const { nominal, dir } = chooseDir(build);
  const runJson = path.join(nominal, 'run.json');
  const port = portOf('PORT', 8080);
  const site = new Site({
    dir,
    build,
    db,
    port,
    // So that pages that open their socket on PUSH_PORT, as those of the existing
    // application do, may join private.user.7 there with the site's cookie.
    appConf: {
      authEndpoint: `http://127.0.0.1:${port}/broadcasting/auth`,
      allowedOrigins: [`http://127.0.0.1:${port}`, `http://localhost:${port}`, '*'],
      encryptionMasterKeyBase64: randomBytes(32).toString('base64'), // private-encrypted-
    },
    pushPort: portOf('PUSH_PORT', 6001),
    metricsPort: portOf('METRICS_PORT', 9601),
    hold: true,
  });
  const ports = { PORT: site.o.port, PUSH_PORT: site.o.pushPort, METRICS_PORT: site.o.metricsPort };
  for (const [a, b] of [['PORT', 'PUSH_PORT'], ['PORT', 'METRICS_PORT'], ['PUSH_PORT', 'METRICS_PORT']]) {
    if (ports[a] === ports[b]) {
      throw new SiteError(`${a} and ${b} are both ${ports[a]}: each needs a port of its own`);
    }
  }
  const other = runningIn(dir);
  if (other) {
    throw new SiteError(`${dir} belongs to a run that is up (pid ${other}): choose another directory with RUN_DIR=…`);
  }
  await portFree(site.o.port, 'PORT');
  await portFree(site.o.pushPort, 'PUSH_PORT');
  await portFree(site.o.metricsPort, 'METRICS_PORT');

  let ending = false; // we are going down
  let held = false; // chat-push is kept down by SIGUSR1
  let people = null; // accounts and conversations once everything answers

  const finish = async (status) => {
    if (ending) {
      return;
    }
    ending = true;
    await site.stop();
    fs.rmSync(runJson, { force: true });
    fs.rmSync(site.path('run', 'make-run.pid'), { force: true });
    process.exit(status);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => finish(0));
  }
  const announce = () => people && writeRunJson(runJson, site, people.accounts, people.conversations);

  /* One program up again after it died, more slowly each time in a row. */
  const revive = async (name, child, code, signal) => {
    const mine = name === 'httpd' ? site.httpd : site.push;
    if (ending || child !== mine || !people) {
      return;
    }
    console.log(`${name} (pid ${child.pid}) ended by ${signal || `exit status ${code}`}; starting it again`);
    for (let pause = 100; !ending && !(name === 'chat-push' && held); pause = Math.min(pause * 2, 5000)) {
      try {
        await site.end(child, 1000);
        await (name === 'httpd' ? site.startHttpd() : site.startPush());
        announce();
        return;
      } catch (e) {
        console.log(e.message);
        await sleep(pause);
      }
    }
  };
  site.onExit = revive;

  let turn = Promise.resolve(); // one SIGUSR1 after the other
  watchParent(() => finish(0), () => {
    turn = turn.then(async () => {
      if (!people || ending) {
        return;
      }
      held = !held;
      if (held) {
        await site.stopPush();
      } else {
        await site.startPush();
      }
      announce();
      console.log(held ? 'chat-push is held down; SIGUSR1 again starts it' : 'chat-push is up again');
    }).catch((e) => console.log(e.message));
  });

  try {
    site.writable(() => makeDir(nominal), nominal);
    site.prepare();
    fs.writeFileSync(site.path('run', 'make-run.pid'), String(process.pid));
    await site.start();
    const sample = samplePeople(site);
    site.sql("DELETE FROM personal_access_tokens WHERE name = 'make run';");
    for (const a of sample.accounts) {
      a.password = 'password';
      a.token = await tokenFor(site, a.email, a.password, 'make run');
    }
    people = {
      accounts: sample.accounts.map(({ name, email, password, role, user_id, token }) =>
        ({ name, email, password, role, user_id, token })),
      conversations: sample.conversations,
    };
    announce();
    show(site, people.accounts);
    console.log('ready');
  } catch (e) {
    await site.stop();
    throw e;
  }
}

main().catch((e) => {
  console.error(e instanceof SiteError ? `make run: ${e.message}` : e);
  process.exit(1);
});
