// SPDX-License-Identifier: Apache-2.0
//
// doc/openapi.yaml against the table of routes: the same paths and methods, each
// operation whole.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { contract } from '../site/lib/contract.mjs';

const source = fs.readFileSync(new URL('../../mod_chat/routes.def', import.meta.url), 'utf8');
const table = [...source.matchAll(/^ROUTE\(M_([A-Z]+),\s*"([^"]+)"/gm)].map(([, method, path]) => `${method} ${path}`);
const operations = Object.entries(contract.paths).flatMap(([path, item]) => Object.entries(item)
  .filter(([key]) => key !== 'parameters').map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, path, item, operation })));

test('every route is in the contract, and nothing else', () => {
  assert.ok(table.length >= 15);
  assert.deepEqual(operations.map((o) => o.name).sort(), [...table].sort());
});

test('every operation has a name of its own, a summary, a tag, and its answers', () => {
  const tags = contract.tags.map((t) => t.name);
  assert.equal(new Set(operations.map((o) => o.operation.operationId)).size, operations.length);
  for (const { name, operation } of operations) {
    assert.ok(operation.operationId && operation.summary, name);
    assert.ok(operation.tags?.every((t) => tags.includes(t)), name);
    assert.ok(Object.keys(operation.responses).some((s) => s.startsWith('2')), name);
    assert.ok(operation.responses[429], `${name}: ChatRequestRate is for all`);
    assert.ok(operation.security, `${name}: who may`);
    assert.equal(operation.security.length > 0, '401' in operation.responses, `${name}: 401 exactly where somebody must be known`);
  }
});

test('the variables of a path are described', () => {
  for (const { name, path, item, operation } of operations) {
    const given = [...item.parameters ?? [], ...operation.parameters ?? []]
      .map((p) => (p.$ref ? contract.components.parameters[p.$ref.split('/').pop()] : p)).filter((p) => p.in === 'path').map((p) => p.name);
    assert.deepEqual(given.sort(), [...path.matchAll(/\{([a-z_]+)\}/g)].map((m) => m[1]).sort(), name);
  }
});

test('no part of the contract is unused', () => {
  const text = JSON.stringify(contract);
  for (const [kind, parts] of Object.entries(contract.components)) {
    for (const name of Object.keys(parts)) {
      assert.ok(kind === 'securitySchemes' || text.includes(`"#/components/${kind}/${name}"`), `${kind}/${name}`);
    }
  }
});

test('a page of another origin can read every header that an answer is said to have', () => {
  // Those that the Fetch standard lets every page read, and one that it lets none.
  const known = ['Cache-Control', 'Content-Language', 'Content-Length', 'Content-Type', 'Expires', 'Last-Modified', 'Pragma', 'Set-Cookie', 'Accept-Encoding'];
  const exposed = contract['x-cors'].answers.headers['Access-Control-Expose-Headers'].schema.const.split(', ');
  for (const { name, operation } of operations) {
    for (const answer of Object.values(operation.responses)) {
      const { headers } = answer.$ref ? contract.components.responses[answer.$ref.split('/').pop()] : answer;
      for (const header of Object.keys(headers ?? {})) {
        assert.ok(known.includes(header) || exposed.includes(header), `${name}: ${header}`);
      }
    }
  }
});

test('the events are those that rest.md describes, and those that schemas and mod_chat write', () => {
  const events = Object.keys(contract['x-events']);
  const doc = fs.readFileSync(new URL('../../doc/rest.md', import.meta.url), 'utf8');
  const told = [...doc.matchAll(/^\| ((?:`[A-Z][A-Za-z]+`(?:, )?)+) \|/gm)].flatMap((m) => [...m[1].matchAll(/`(\w+)`/g)].map((x) => x[1]));
  for (const name of told) {
    assert.ok(events.includes(name), `x-events lacks ${name}`);
  }
  const written = ['sql/schema.sqlite.sql', 'sql/schema.pgsql.sql', 'mod_chat/route/typing.c'].map((f) => fs.readFileSync(new URL(`../../${f}`, import.meta.url), 'utf8')).join('\n');
  for (const name of events) {
    assert.ok(doc.includes(`\`${name}\``), `doc/rest.md lacks ${name}`);
    assert.match(written, new RegExp(`['"]${name}['"]`), `nobody writes ${name}`);
  }
});

test('the file is OpenAPI 3.1, by the schema of the OpenAPI Initiative', async () => {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(structuredClone(contract));
  assert.ok(valid, JSON.stringify(errors, null, 1));
  assert.equal(validator.version, '3.1');
});
