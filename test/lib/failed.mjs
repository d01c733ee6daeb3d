// SPDX-License-Identifier: Apache-2.0
//
// A reporter of node:test, beside the ordinary one (run.mjs): when all files have run it
// says once more what failed, each with its file, its name and how its error begins.
// A log is read from its end, and a thousand lines of TAP stand between. Nothing is
// said when all has passed.

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';

const HOOKS = 'cleanup.mjs'; // says itself whose they are
const LINES = 8; // of one failure
const KEPT = 4096; // characters of what a file said on stderr

/** A path as one would type it; node 18 gives some as URLs. */
function shown(file) {
  const at = file?.startsWith('file:') ? fileURLToPath(file) : file;
  return at ? path.relative(process.cwd(), at) : 'a file without a name';
}

const brief = (value) => inspect(value, { breakLength: Infinity }).slice(0, 300);
const written = (text) => text.split('\n').filter((line) => line.trim());

/** How an error begins, and where. What is thrown need be no Error, and node wraps it. */
function words(error, file) {
  const cause = error?.cause ?? error;
  if (typeof cause === 'string') {
    return written(cause).slice(0, LINES);
  }
  if (typeof cause !== 'object' || cause === null) {
    return [brief(cause)];
  }
  const lines = written(String(cause.message || cause.stack || 'it does not say why'));
  if (cause.code === 'ERR_ASSERTION' && 'actual' in cause && cause.operator !== 'fail' && lines.length === 1) { // node 18: a message of one's own is all
    lines.push(`is ${brief(cause.actual)}, wanted ${brief(cause.expected)}`);
  }
  const at = file !== HOOKS && written(String(cause.stack || '')).find((line) => /^\s+at /.test(line) && line.includes(file));
  return [...lines.slice(0, LINES), ...(at ? [at.trim()] : [])];
}

/** One failure as lines. @param said  what its file wrote to stderr */
function failure({ name, file, details }, said) {
  const where = shown(file);
  const lines = words(details?.error, path.basename(where));
  if (shown(name) !== where) {
    return [`${where}: ${name}`, ...lines];
  }
  const { failureType, signal, exitCode } = details?.error ?? {};
  if (failureType === 'hookFailed') {
    return lines;
  }
  // The file as a whole: it ended before its tests did.
  return [`${where}: ended by ${signal || `exit(${exitCode})`}`, ...written(said).slice(-LINES)];
}

export default async function* failed(events) {
  const said = new Map(); // by file: the end of its stderr
  const failures = [];
  for await (const { type, data } of events) {
    if (type === 'test:stderr') {
      const file = shown(data.file);
      said.set(file, ((said.get(file) || '') + data.message).slice(-KEPT));
    }
    // A test whose only fault is one inside it: that one is told.
    if (type === 'test:fail' && data.todo === undefined && data.details?.error?.failureType !== 'subtestsFailed') {
      failures.push(data);
    }
  }
  if (failures.length) {
    const all = failures.map((data) => failure(data, said.get(shown(data.file)) || ''));
    yield `\nFAILED: ${failures.length}\n${all.map(([first, ...more]) =>
      [`  ${first}`, ...more.map((line) => `      ${line}`)].join('\n')).join('\n')}\n`;
  }
}
