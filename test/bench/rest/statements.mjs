// SPDX-License-Identifier: Apache-2.0
//
// How long a statement of sql/statements takes in the database alone, prepared and
// with a generic plan, as mod_chat runs it.

import fs from 'node:fs';
import path from 'node:path';
import { root } from '../../../dev/site.mjs';
import { median } from './report.mjs';

function statement(label) {
  const dir = path.join(root, 'sql/statements');
  for (const name of fs.readdirSync(dir)) {
    const found = fs.readFileSync(path.join(dir, name), 'utf8').split(/^-- :name /m)
      .find((part) => part.startsWith(`${label} pgsql`));
    if (found) {
      return found.slice(found.indexOf('\n')).replace(/^--.*$/gm, '').trim();
    }
  }
  throw new Error(`no statement is named ${label}`);
}

const quote = (v) => (v === null ? 'NULL' : `'${String(v).replace(/'/g, "''")}'`);

/**
 * @param args  the values of $1, $2 …
 * @return { ms, plan }: the median of `times` executions after one that warms up,
 *   and the last plan with its buffers, as text
 */
export function explain(cluster, database, label, args, times = 5) {
  const run = `EXECUTE one(${args.map(quote).join(', ')});`;
  const out = cluster.sql(database, `SET plan_cache_mode = force_generic_plan;
    PREPARE one AS ${statement(label)};
    ${`EXPLAIN (ANALYZE, BUFFERS) ${run}\n`.repeat(times + 1)}`);
  const ms = [...out.matchAll(/^Execution Time: ([0-9.]+) ms/gm)].map((m) => Number(m[1]));
  const plan = out.trim().split(/^Execution Time: .*$/m).at(-2).trim();
  return { ms: median(ms.slice(1)), plan };
}
