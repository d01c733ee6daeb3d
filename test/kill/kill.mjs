// SPDX-License-Identifier: Apache-2.0
//
// `make kill`: KILL_ROUNDS (50) on PostgreSQL and as many on SQLite. KILL_SEED draws
// the same victims again; KEEP=1 leaves the logs. What is proved stands in rounds.mjs.

import { test } from 'node:test';
import { startCluster } from '../site/lib/postgres.mjs';
import { startSite } from '../site/lib/site.mjs';
import { expectedLog, killConf, killRounds } from './rounds.mjs';

const rounds = Number(process.env.KILL_ROUNDS || 50);
const seed = Number(process.env.KILL_SEED || Date.now() % 100000);

for (const engine of ['PostgreSQL', 'SQLite']) {
  test(`${rounds} kill rounds on ${engine}`, async () => {
    const cluster = engine === 'PostgreSQL' ? await startCluster() : null;
    const site = await startSite({ db: cluster ? cluster.create() : 'sqlite', extraConf: killConf });
    expectedLog.forEach((line) => site.expectLog(line));
    await killRounds({ site, cluster, rounds, seed, say: (line) => console.log(line) });
  });
}
