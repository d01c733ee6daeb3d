// SPDX-License-Identifier: Apache-2.0
//
// chat-push against the floor, and with PEER=1 against the real Soketi. Every
// run starts its server afresh on cpu 0, with the generator on cpu 1; within a
// round the servers follow each other, and every other round goes backwards, so
// that drift of the machine favours nobody. README.md has the settings.

import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { freePort, root, sleep } from '../../../dev/site.mjs';
import { table } from './ratios.mjs';

const build = process.env.CHAT_BUILD || path.join(root, 'build');
const dir = path.join(build, 'bench');
const peerDir = path.join(build, 'peer');
const rounds = Number(process.env.ROUNDS || 9);
const peerRounds = process.env.PEER === '1' ? Number(process.env.PEER_ROUNDS || 3) : 0;
const results = process.env.RESULTS || path.join(dir, 'results.jsonl');

/** How short a scenario may be: longer adds little, more rounds add more. */
const SCENARIOS = {
  'fanout-1k': '--secs 4 --warmup 2',
  'fanout-1k-max': '--secs 2 --warmup 1',
  'fanout-10k': '--secs 3 --warmup 1',
  'pairs-5k-max': '--secs 2 --warmup 1',
  'idle-10k': '--settle 2 --idle 3',
};
const scenarios = (process.env.SCENARIOS || Object.keys(SCENARIOS).join(' ')).split(' ');

const APP = { id: 'app-id', key: 'app-key', secret: 'app-secret' };

/** What a label starts: program, arguments, environment, and its cpus. */
function server(label, port, metricsPort) {
  if (label.startsWith('floor')) {
    return { argv: [path.join(dir, 'wsfloor'), String(port)] };
  }
  if (label.startsWith('push')) {
    const file = path.join(dir, 'push.json');
    fs.writeFileSync(file, JSON.stringify({
      host: '127.0.0.1', port, metrics: { enabled: false }, appManager: { array: { apps: [APP] } },
    }));
    const [, loops] = label.match(/-loops(\d+)$/) || [];
    return {
      argv: [path.join(build, 'chat-push'), '--config', file],
      env: { CHAT_PUSH_LOOPS: loops || '1' },
      cpus: loops ? '0,1' : '0',
    };
  }
  return {
    argv: [path.join(peerDir, 'node_modules/node/bin/node'),
      path.join(peerDir, 'node_modules/@soketi/soketi/bin/server.js'), 'start'],
    cwd: peerDir,
    env: {
      NODE_ENV: 'production', SOKETI_HOST: '127.0.0.1', SOKETI_PORT: port, SOKETI_METRICS_HOST: '127.0.0.1',
      SOKETI_METRICS_SERVER_PORT: metricsPort, SOKETI_DEFAULT_APP_ID: APP.id, SOKETI_DEFAULT_APP_KEY: APP.key,
      SOKETI_DEFAULT_APP_SECRET: APP.secret, SOKETI_CLUSTER_HOST: '127.0.0.1', SOKETI_CLUSTER_PORT: metricsPort,
      SOKETI_CLUSTER_UNICAST_ADDRESSES: '127.0.0.1',
    },
  };
}

/** Soketi answers before it is ready to be measured, so it gets a moment more. */
async function ready(port, label) {
  for (let i = 0; i < 200; i++) {
    const open = await new Promise((done) => {
      const s = net.connect(port, '127.0.0.1', () => { s.destroy(); done(true); });
      s.on('error', () => done(false));
    });
    if (open) {
      await sleep(label === 'soketi' ? 1000 : 200);
      return;
    }
    await sleep(50);
  }
  throw new Error(`${label} did not start`);
}

/** Sockets in each epoll set of a process that holds many. */
function epollSizes(pid) {
  try {
    return fs.readdirSync(`/proc/${pid}/fdinfo`)
      .map((fd) => (fs.readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8').match(/^tfd:/gm) || []).length)
      .filter((n) => n > 50);
  } catch {
    return []; // a descriptor went away meanwhile: the next look will do
  }
}

const ended = (child) => new Promise((done) => { child.on('close', done); });

async function run(label, scenario, round, extra) {
  const port = await freePort();
  const what = server(label, port, await freePort());
  const child = spawn('taskset', ['-c', what.cpus || '0', ...what.argv],
    { cwd: what.cwd, env: { ...process.env, ...what.env }, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (d) => { said += d; });
  const over = ended(child);
  try {
    await ready(port, label);
    const load = spawn('taskset', ['-c', '1', path.join(dir, 'wsload'), '--scenario', scenario, '--label', label,
      '--port', String(port), '--pid', String(child.pid), '--tree', '--data', 'json', ...extra.split(' ').filter(Boolean)],
      { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    load.stdout.on('data', (d) => { out += d; });
    let spread = [];
    const watch = label.includes('-loops') ? setInterval(() => {
      const now = epollSizes(child.pid);
      spread = now.reduce((a, b) => a + b, 0) >= spread.reduce((a, b) => a + b, 0) ? now : spread;
    }, 700) : null;
    await ended(load);
    clearInterval(watch);
    const line = out.trim().split('\n').pop();
    if (!line) {
      throw new Error(`${label} ${scenario}: the generator gave up; the server said: ${said}`);
    }
    return { round, spread, ...JSON.parse(line) };
  } finally {
    child.kill('SIGTERM');
    const hard = setTimeout(() => child.kill('SIGKILL'), 8000);
    await over;
    clearTimeout(hard);
  }
}

function installPeer() {
  fs.mkdirSync(peerDir, { recursive: true });
  if (!fs.existsSync(path.join(peerDir, 'node_modules/@soketi/soketi'))) {
    fs.copyFileSync(path.join(root, 'test/bench/peer/package.json'), path.join(peerDir, 'package.json'));
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: peerDir, stdio: 'inherit' });
  }
}

async function main() {
  if (os.cpus().length < 2) {
    throw new Error('this needs two cores: one for the server, one for the generator');
  }
  if (peerRounds) {
    installPeer();
  }
  fs.mkdirSync(path.dirname(results), { recursive: true });
  fs.writeFileSync(results, '');
  const runs = [];
  const keep = async (label, name, round, extra = SCENARIOS[name] || '') => {
    const one = await run(label, name, round, extra);
    // A longer stay is another scenario for the table.
    one.scenario = name === 'idle-10k' && extra.includes('--idle 125') ? 'idle-10k-pings' : one.scenario;
    runs.push(one);
    fs.appendFileSync(results, `${JSON.stringify(one)}\n`);
    process.stderr.write('.');
  };
  for (let round = 1; round <= rounds; round++) {
    const labels = ['push', 'floor', 'floor2', ...round <= peerRounds ? ['soketi'] : []];
    const loops = ['push-loops1', 'push-loops2'];
    if (round % 2 === 0) {
      labels.reverse();
      loops.reverse();
    }
    for (const name of scenarios) {
      for (const label of labels) {
        await keep(label, name, round);
      }
    }
    for (const label of process.env.LOOPS === '0' ? [] : loops) {
      await keep(label, 'fanout-1k-max', round);
    }
  }
  if (process.env.PINGS === '1') {
    await keep('push', 'idle-10k', 1, '--settle 2 --idle 125');
  }
  const { lines, missed } = table(runs);
  const load = os.loadavg().map((l) => l.toFixed(1)).join(' ');
  console.log(`\n${os.cpus()[0].model}, ${os.cpus().length} cores, Linux ${os.release()}, load average now ${load}`);
  console.log(lines.join('\n'));
  process.exitCode = missed ? 1 : 0;
}

await main();
