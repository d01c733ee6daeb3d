// SPDX-License-Identifier: Apache-2.0
//
// What a test file must undo when it ends, last made first. All of it is done even
// when one part fails; node:test's own hooks stop at the first that throws, and
// what they skip would keep the process alive for ever.

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
        throw failed[0];
      }
    });
  }
  undo.push(fn);
}
