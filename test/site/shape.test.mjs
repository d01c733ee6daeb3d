// SPDX-License-Identifier: Apache-2.0
//
// One shape of a message: what POST answers, what the pages, the list and sync give
// and what is pushed are equal, whoever wrote it and how. On an existing Laravel
// database: laravel.test.mjs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { literal, names, oneShape } from './lib/shape.mjs';
import { engine, startSite } from './lib/site.mjs';

const site = await startSite({ extraConf: 'ChatSendRate off' });
const conv = site.people().conversations[0];

const row = (body, created, read) =>
  `INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, read_at, created_at, updated_at)
   VALUES (${conv.patient}, ${conv.doctor}, ${conv.id}, ${body}, 'text', ${read}, ${created}, ${created});`;

const times = {
  sqlite: ["'2026-01-02 03:04:05'", "'2026-01-02 03:04:05.6'", "'2026-01-02 03:04:05.678'", "'2026-01-02 03:04:05.67891'",
    "'2026-12-31 23:59:59.9996'", "'2026-01-02T03:04:05Z'", "'2026-01-02T03:04:05.678Z'", "'2026-01-02 03:04:05+02:00'",
    "'2026-01-02'", "'yesterday'", "x'323032362d30312d30322030333a30343a3035'", "'infinity'", '2461043'],
  pgsql: ["'2026-01-02 03:04:05'", "'2026-01-02 03:04:05.6'", "'2026-01-02 03:04:05.678'", "'2026-01-02 03:04:05.67891'",
    "'2026-12-31 23:59:59.9996'", "'2026-01-02T03:04:05.678Z'", "'2026-01-02'", "'infinity'", "'-infinity'", "now()"],
}[engine];

test('a message is the same object wherever it is shown', async () => {
  site.sql([conv.patient, conv.doctor].map((id, i) => `UPDATE users SET name = ${literal(names[i])} WHERE id = ${id};`).join('\n'));
  const foreign = await oneShape({
    site,
    writers: [await site.phone('patient@example.com'), await site.browser('patient@example.com')],
    reader: await site.phone('doctor@example.com'),
    readers: [await site.browser('doctor@example.com'), await site.phone('admin@example.com')],
    talk: conv.id,
    channel: `private-user.${conv.doctor}`,
    row,
    times: [...times, 'NULL'],
    // Bytes bound as a BLOB, text that is no UTF-8.
    odd: engine === 'sqlite' ? ["x'6120626c6f62'", "CAST(x'636166e9' AS TEXT)", "CAST(x'e2808ff0' AS TEXT)", "CAST(x'610062' AS TEXT)"] : [],
    before: engine === 'pgsql' ? ["SET datestyle = 'German'; SET timezone = 'Asia/Amman';"] : [],
  });
  assert.ok(foreign.some((m) => m.created_at?.endsWith('05.678Z')) && foreign.some((m) => m.created_at?.endsWith('05.000Z')));
  assert.ok(foreign.some((m) => m.created_at === null));
  assert.ok(foreign.every((m) => m.user.name === names[0]));
});
