// SPDX-License-Identifier: Apache-2.0
//
// `make restarts`: chat-push ends and begins RESTARTS (50) times on SQLite while people
// write and listen, many of them with pusher-js. KILL_SEED draws the same ways again;
// KEEP=1 leaves the logs. What is proved stands in rounds.mjs.

import { test } from 'node:test';
import { startSite } from '../site/lib/site.mjs';
import { expectedLog, killConf, killRounds, restarts } from './rounds.mjs';

const rounds = Number(process.env.RESTARTS || 50);
const seed = Number(process.env.KILL_SEED || Date.now() % 100000);

test(`${rounds} restarts of chat-push`, async () => {
  const site = await startSite({ hold: true, extraConf: killConf });
  expectedLog.forEach((line) => site.expectLog(line));
  await killRounds({ site, cluster: null, rounds, seed, names: restarts, say: (line) => console.log(line) });
});
