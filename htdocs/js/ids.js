// SPDX-License-Identifier: Apache-2.0
//
// ids.js - ids are numbers or UUIDs, in JSON and in the address: whether two of
// them are the same one.

export function sameId(a, b) {
  return a != null && b != null && String(a) === String(b);
}
