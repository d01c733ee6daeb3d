// SPDX-License-Identifier: Apache-2.0
//
// Runs test files: node test/lib/run.mjs FILE…, as `node --test` does, but begun in
// the order they are named and as many at once as TEST_JOBS says (node 18 cannot be
// told, and takes one on two cores). Three quarters of a test's time are waiting for a
// client to come back or a clock to go on, so two for each core keep those busy, and
// leave room for what else a machine may have to do. Each file is a process with
// servers, ports and databases of its own.
//
// ONLY is a regular expression of the names of tests to run. Reports go to stdout, for
// people on a terminal, else as TAP; what failed is said at the end on stderr.

import os from 'node:os';
import { run } from 'node:test';
import { spec as Spec, tap } from 'node:test/reporters';
import failed from './failed.mjs';

const { TEST_JOBS, ONLY } = process.env;
const files = process.argv.slice(2);

if (files.length === 0) {
  console.error('run.mjs: no test files are named');
  process.exit(2);
}
const events = run({
  files,
  concurrency: Number(TEST_JOBS) || Math.min(os.cpus().length * 2, 8),
  ...(ONLY && { testNamePatterns: [new RegExp(ONLY)] }),
});
events.on('test:fail', ({ todo }) => {
  if (todo === undefined || todo === false) {
    process.exitCode = 1;
  }
});
events.compose(process.env.MAKE_TERMOUT ? new Spec() : tap).pipe(process.stdout);
events.compose(failed).pipe(process.stderr);
