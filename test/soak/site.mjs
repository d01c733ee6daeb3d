// SPDX-License-Identifier: Apache-2.0
//
// The half of `make soak` in which everything is restarted: people write, listen and
// catch up through httpd, which hands their sockets over (test/kill/load.mjs), and edit,
// delete, react, read, search, send files and decide about plans (deeds.mjs), among the
// crowd of soak.mjs, which comes by both doors. For SOAK_SECONDS (600):
//
//   half of it    httpd is restarted, mostly gracefully, chat-push is killed, ended in good order
//                 or in place, or reads its settings again, one at a time at random
//   the rest      the settings are read again, and nothing else happens; what grows
//                 now is a leak of httpd's children or of chat-push
//
// Then nothing may be lost (rounds.mjs), no worker of httpd may be busy, no child of an
// earlier generation left, nobody may have crashed or been refused, and memory and
// descriptors are what they were, chat-files' too.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, test } from 'node:test';
import { Kill, killConf, restarts } from '../kill/rounds.mjs';
import { descriptors, fileChecks, servers, written } from '../site/lib/process.mjs';
import { Push } from '../site/lib/push.mjs';
import { eventually, sleep, startSite } from '../site/lib/site.mjs';
import { crowd } from './crowd.mjs';

const SECONDS = Number(process.env.SOAK_SECONDS || 600);
const seed = Number(process.env.KILL_SEED || Date.now() % 100000);
/* What may be more than when warm: kB, and descriptors that httpd keeps to chat-push.
 * httpd's threads keep the memory that each has needed once, so their sum goes up with
 * the logarithm of time: as much between 60 s and 150 s as between 360 s and 900 s. */
const MOST = { push: 768, parent: 512, children: 3072, pushFiles: 64, parentFiles: 4, childFiles: 16, files: 512, filesFiles: 4 };
const QUIET = 15; // workers: those who write and catch up have that many at most
const PATIENCE = 60000; // ms until httpd has let go of those who say nothing

const app = { id: 'app1', key: 'key1', secret: 'secret1', enableClientMessages: true };

/** chat-push by both doors: what the crowd asks for is by one or the other. */
class Doors extends Push {
  constructor(site) {
    super();
    this.site = site;
  }

  get port() {
    return Math.random() < 0.7 ? this.site.o.port : this.site.o.pushPort;
  }

  set port(_) {} // of Push
}

/** What ends later than that is stuck. */
async function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not end within ${ms} ms`)), ms);
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

class Soak extends Kill {
  lives = {};
  failures = 0; // lives that a restart cut short
  disturbed = 0; // when chat-push ended or httpd began anew last
  mob = { running: false }; // the crowd, as its lives know it

  async live(life) {
    while (this.mob.running) {
      const begun = Date.now();
      try {
        await within(60000, life(this.doors, this.mob));
        this.lives[life.name] = (this.lives[life.name] ?? 0) + 1;
      } catch (e) {
        if (this.disturbed < begun - 2000) {
          this.world.wrong.push(`${life.name}: ${e.message}`);
        }
        this.failures++;
        await sleep(100);
      }
    }
  }

  async rage(seconds, names) {
    this.mob.running = true;
    const all = crowd.flatMap(([life, n]) => Array.from({ length: n }, () => this.live(life)));
    const end = Date.now() + seconds * 1000;
    const pause = Math.max(SECONDS / 30, 3) * 1000;
    while (Date.now() < end) {
      await sleep(Math.min(this.random.below(pause), end - Date.now()));
      const name = this.random.pick(names);
      this.disturbed = name === 'settings again' ? this.disturbed : Infinity;
      await this.kill(name);
      this.disturbed = this.disturbed === Infinity ? Date.now() : this.disturbed;
      this.tell(name);
      if (this.world.wrong.length > 50) {
        break;
      }
    }
    this.mob.running = false;
    await Promise.all(all);
  }

  /** What httpd's workers do: how many are busy, and children that are to end. */
  async workers() {
    const text = await (await fetch(`${this.site.url}/server-status?auto`, { headers: { Connection: 'close' } })).text();
    const n = (name) => Number(text.match(new RegExp(`^${name}: (\\d+)`, 'm'))?.[1]);
    return { busy: n('BusyWorkers') - 1, stopping: n('Stopping'), processes: n('Processes') };
  }

  /** Without the crowd: what is left. */
  async calm() {
    let left;
    await eventually(async () => {
      left = (await this.doors.call('GET', '/channels')).text;
      return left === '{"channels":{}}';
    }, 'the crowd is gone', PATIENCE).catch((e) => this.world.wrong.push(`${e.message}: ${left}`));
    await eventually(async () => (await this.workers()).busy <= QUIET, 'httpd has let go of the crowd', PATIENCE)
      .catch(async (e) => this.world.wrong.push(`${e.message}: ${JSON.stringify(await this.workers())}`));
    await sleep(6000);
    const { httpd, push } = this.site;
    const children = servers(httpd.pid);
    const [files] = fileChecks(httpd.pid);
    return {
      push: written(push.pid), pushFiles: descriptors(push.pid), parent: written(httpd.pid), parentFiles: descriptors(httpd.pid),
      children: children.reduce((sum, pid) => sum + written(pid), 0), childFiles: Math.max(...children.map(descriptors)),
      files: written(files), filesFiles: descriptors(files),
    };
  }

  tell(name) {
    const total = Object.values(this.lives).reduce((a, b) => a + b, 0);
    this.say(`${String(Math.round((Date.now() - this.begun) / 1000)).padStart(5)} s: ${name}; ${total} lives of the crowd, `
      + `${this.failures} cut short, ${this.world.wrong.length} wrong`);
  }

  async rounds() {
    this.begun = Date.now();
    this.doors = new Doors(this.site);
    await this.rage(SECONDS * 0.5, [...restarts, 'httpd, gracefully', 'httpd, gracefully', 'httpd, at once', 'settings again']);
    this.disturbed = Infinity;
    await this.kill('chat-push, in good order');
    await this.kill('httpd, gracefully');
    this.disturbed = Date.now();
    await this.rage(SECONDS * 0.2, ['settings again']);
    let warm = await this.calm();
    this.say(`warm: ${JSON.stringify(warm)}`);
    // Memory goes up a step when more happens at once than before, and stays there; what
    // leaks goes up every time.
    let more;
    for (let i = 0; i < 4 && (i === 0 || more.length); i++) {
      await this.rage(SECONDS * (i === 0 ? 0.3 : 0.2), ['settings again']);
      const last = await this.calm();
      more = Object.entries(MOST).filter(([what, most]) => last[what] > warm[what] + most)
        .map(([what]) => `${what} grew from ${warm[what]} to ${last[what]}`);
      this.say(`then: ${JSON.stringify(last)}${more.length ? `, ${more}` : ''}`);
      warm = last;
    }
    this.world.wrong.push(...more);
    for (const [life] of crowd) {
      if (!this.lives[life.name]) {
        this.world.wrong.push(`no ${life.name} lived`);
      }
    }
  }

  /** When everybody is gone. */
  async end() {
    await eventually(async () => {
      const { busy, stopping } = await this.workers();
      return busy === 0 && stopping === 0;
    }, 'no worker is busy and no child stopping', PATIENCE)
      .catch(async (e) => this.world.wrong.push(`${e.message}: ${JSON.stringify(await this.workers())}`));
    const crash = fs.readFileSync(this.site.path('logs', 'error.log'), 'utf8').match(/.*exit signal.*/g);
    this.world.wrong.push(...crash ?? []);
  }
}

// A client that was left behind would keep this process alive.
after(() => setTimeout(() => process.exit(), 20000).unref());

test(`everything is restarted for ${SECONDS} s`, async () => {
  const site = await startSite({
    hold: true,
    logs: false,
    extraConf: killConf,
    before(s) {
      fs.mkdirSync(s.path('conf'), { recursive: true });
      const first = { id: 'askapp', key: 'askkey', secret: 'secret of the soak', enableClientMessages: true };
      s.o.pushConf = { 'database.replaySeconds': 30, appManager: { array: { apps: [first, app] } } };
      fs.writeFileSync(s.path('conf', 'chat-push.json'), JSON.stringify(s.o.pushConf)); // the first app's secret
    },
  });
  const soak = new Soak({ site, cluster: null, seed, say: (line) => console.log(line) });
  soak.world.pace = 400;
  try {
    (await soak.run()).forEach((line) => console.log(line));
    await soak.end();
  } finally {
    soak.world.running = soak.mob.running = false;
    soak.world.ending = true;
    site.onExit = () => {};
  }
  const { wrong } = soak.world;
  console.log(JSON.stringify(soak.lives));
  assert.equal(wrong.length, 0, `KILL_SEED=${seed}: ${wrong.length} things are wrong:\n${wrong.slice(0, 40).join('\n')}`);
});
