// SPDX-License-Identifier: Apache-2.0
//
// One run of wrk with chat.lua, and what it cost everybody.

import { spawn } from 'node:child_process';
import path from 'node:path';
import { root, sleep } from '../../../dev/site.mjs';
import { busy, meter } from './usage.mjs';

/** Wait until others leave the machine alone, at most so long. */
export async function quiet(limit = 0.12, seconds = Number(process.env.QUIET || 10)) {
  for (let i = 0; i < seconds; i++) {
    const before = busy();
    await sleep(1000);
    if (busy() - before < limit) {
      return;
    }
  }
}

/**
 * @param o.url     where
 * @param o.mode    post, get or paths
 * @param o.file    what chat.lua picks from
 * @param o.groups  name → pid: whose CPU is counted
 * @return wrk's figures (rps; p50, p99, max in ms; good, bad) with `cpu` (seconds per
 *   1000 requests, by group), `cores`, `foreign` (cores)
 */
export async function wrk({ url, mode, file, secs, conns = 16, groups = {} }) {
  const read = meter(groups);
  const child = spawn('wrk', ['-t1', `-c${conns}`, `-d${secs}s`, '--timeout', '10s',
    '-s', path.join(root, 'test/bench/rest/chat.lua'), url, '--', mode, file]);
  let out = '';
  child.stdout.on('data', (d) => { out += d; });
  child.stderr.on('data', (d) => { out += d; });
  await new Promise((done, failed) => { child.once('close', done); child.once('error', failed); });
  const used = read();
  const line = out.match(/^RESULT (.*)$/m);
  if (!line) {
    throw new Error(`wrk gave no result: ${out}`);
  }
  const run = JSON.parse(line[1]);
  const sample = out.match(/^SAMPLE (.*)$/m);
  if (sample) {
    throw new Error(`${url} ${mode}: ${run.bad} answers of ${run.requests} are errors: ${sample[1]}`);
  }
  const per = (s) => s * 1000 / run.requests;
  return {
    ...run,
    foreign: used.foreign,
    cpu: Object.fromEntries(Object.entries(used.cpu).map(([k, s]) => [k, per(s)])),
    cores: Object.fromEntries(Object.entries(used.cpu).map(([k, s]) => [k, s / used.secs])),
    cpuWrk: per(used.self),
  };
}
