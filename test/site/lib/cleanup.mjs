// SPDX-License-Identifier: Apache-2.0
//
// What a test file must undo when it ends, last made first. All of it is done even
// when one part fails; node:test's own hooks stop at the first that throws, and
// what they skip would keep the process alive for ever.
//
// node names a failed hook after the file that it was written in, which is this one:
// the error says whose end it was.

import path from 'node:path';
import { after } from 'node:test';

const undo = [];

/** Do this when the test file ends. */
export function cleanup(fn) {
  if (undo.length === 0) {
    after(async () => {
      const failed = [];
      for (const step of undo.splice(0).reverse()) {
        try {
          await step();
        } catch (e) {
          failed.push(e);
        }
      }
      if (failed.length) {
        const [first] = failed;
        throw new Error(`${path.relative(process.cwd(), process.argv[1])}, at its end: ${first?.message ?? first}`, { cause: first });
      }
    });
  }
  undo.push(fn);
}
