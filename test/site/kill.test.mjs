// SPDX-License-Identifier: Apache-2.0
//
// A few of the kill rounds of `make kill`; what they prove stands in
// test/kill/rounds.mjs.

import { test } from 'node:test';
import { expectedLog, killConf, killRounds } from '../kill/rounds.mjs';
import { startCluster } from './lib/postgres.mjs';
import { engine, sanitize, startSite } from './lib/site.mjs';

const cluster = engine === 'pgsql' ? await startCluster() : null;
const site = await startSite({ db: cluster ? cluster.create() : 'sqlite', extraConf: killConf });
const rounds = (cluster ? 12 : 8) / (sanitize ? 2 : 1);
const seed = Number(process.env.KILL_SEED || Date.now() % 100000);

test('what was answered is stored, pushed and listed once, whoever is killed', async (t) => {
  expectedLog.forEach((line) => site.expectLog(line));
  await killRounds({ site, cluster, rounds, seed, say: (line) => t.diagnostic(line) });
});
