// SPDX-License-Identifier: Apache-2.0
//
// doc/openapi.yaml as a judge: whether an answer is one that it announces. The client of
// the site tests (client.mjs) shows it every answer, so no test has to ask for it.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { parse } from 'yaml';
import { root } from '../../../dev/site.mjs';

const Ajv = createRequire(import.meta.url)('ajv/dist/2020');

export const contract = parse(fs.readFileSync(path.join(root, 'doc/openapi.yaml'), 'utf8'));
const ajv = new Ajv({ strict: true, strictRequired: false, allowUnionTypes: true, allErrors: false });
ajv.addVocabulary(['components', 'x-events', 'x-cors', 'openapi', 'info', 'paths', 'servers', 'tags', 'security']);
ajv.addSchema(contract, 'chat');

const pointer = (...parts) => parts.map((p) => p.replace(/~/g, '~0').replace(/\//g, '~1')).join('/');
/** What a `$ref` names, and where it stands. */
function resolved(node, at) {
  if (node?.$ref) {
    const parts = node.$ref.slice(2).split('/');
    return resolved(parts.reduce((n, p) => n[p], contract), parts.join('/'));
  }
  return [node, at];
}

const routes = Object.entries(contract.paths).map(([template, item]) => ({
  template,
  item,
  match: new RegExp(`^${template.replace(/[.]/g, '\\.').replace(/\{[a-z_]+\}/g, '[A-Za-z0-9_-]{1,64}')}$`),
  weight: template.split('{').length, // a path without variables comes first
})).sort((a, b) => a.weight - b.weight);

const validators = new Map();
function validator(at) {
  if (!validators.has(at)) {
    validators.set(at, ajv.compile({ $ref: `chat#/${at}` }));
  }
  return validators.get(at);
}

/** Whether a value is what a part of the contract says: its address without "#/". */
export function fits(at, value) {
  return validator(at)(value);
}

/** The fields of a body's schema: {name: where its schema stands}, and which must be there. */
export function fieldsOf(node, at) {
  const [schema, where] = resolved(node, at);
  const parts = (schema.allOf ?? []).map((part, i) => fieldsOf(part, `${where}/allOf/${i}`));
  return {
    required: [...schema.required ?? [], ...parts.flatMap((p) => p.required)],
    fields: Object.assign({}, ...parts.map((p) => p.fields), Object.fromEntries(
      Object.keys(schema.properties ?? {}).map((name) => [name, `${where}/properties/${pointer(name)}`]))),
  };
}

/** Every operation of the contract, its parameters and the fields of its JSON body. */
export const operations = Object.entries(contract.paths).flatMap(([template, item]) => Object.entries(item)
  .filter(([key]) => key !== 'parameters').map(([key, operation]) => {
    const at = pointer('paths', template, key);
    const parameters = [[item.parameters, pointer('paths', template)], [operation.parameters, at]].flatMap(([list, where]) =>
      (list ?? []).map((p, i) => resolved(p, `${where}/parameters/${i}`)).map(([p, here]) => ({ ...p, at: `${here}/schema` })));
    const body = operation.requestBody?.content['application/json'];
    return { ...operation, id: operation.operationId, method: key.toUpperCase(), template, parameters,
      body: body ? fieldsOf(body.schema, `${at}/requestBody/content/${pointer('application/json')}/schema`) : null };
  }));

const errorAt = 'components/schemas/Error';

/**
 * Whether an event is one of the contract's, with the data it says; throws what is wrong.
 * @param {boolean} known  it has to be one of them; else others are somebody's own
 */
export function checkEvent(name, data, known = false) {
  if (!(name in contract['x-events'])) {
    assert.ok(!known, `the contract has no event ${name}: ${JSON.stringify(data).slice(0, 300)}`);
    return;
  }
  const valid = validator(`x-events/${name}/data`);
  assert.ok(valid(data), `${name}: not what doc/openapi.yaml says: ${ajv.errorsText(valid.errors)}: ${JSON.stringify(data).slice(0, 500)}`);
}

/** A page of another origin is told what the contract says, whole, or nothing. */
function checkCors(where, isPreflight, headers) {
  if (!headers.has('access-control-allow-origin')) {
    assert.ok(!isPreflight, `${where}: a preflight is answered to nobody`);
    return;
  }
  const [told, at] = isPreflight
    ? resolved(contract['x-cors'].preflight) : [contract['x-cors'].answers, 'x-cors/answers'];
  for (const [name, header] of Object.entries(told.headers)) {
    const [, here] = resolved(header, `${at}/headers/${pointer(name)}`);
    const valid = validator(`${here}/schema`);
    assert.ok(valid(headers.get(name) ?? undefined), `${where}: ${name}: ${headers.get(name)}: ${ajv.errorsText(valid.errors)}`);
  }
}

/**
 * Whether the contract has this answer; throws what is wrong with it.
 * @param {string} prefix  what stands before the chat's own paths
 */
export function check(method, url, { status, headers, text, json }, prefix = '') {
  const where = `${method} ${url}: ${status}`;
  const own = url.split('?')[0].slice(prefix.length);
  const route = routes.find((r) => r.match.test(own));
  const type = (headers.get('content-type') ?? '').split(';')[0];
  const judge = (at) => {
    assert.notEqual(json, null, `${where}: the body is no JSON: ${text.slice(0, 200)}`);
    const valid = validator(at);
    assert.ok(valid(json), `${where}: not what doc/openapi.yaml says: ${ajv.errorsText(valid.errors)}: ${text.slice(0, 500)}`);
  };

  if (!/^\/chat(\/|$)/.test(own) && !route) {
    return; // not the chat's
  }
  const isPreflight = method === 'OPTIONS' && status === 204;
  checkCors(where, isPreflight, headers);
  if (isPreflight) {
    assert.equal(text, '', where);
    return;
  }
  if (!route || status === 405) {
    assert.ok([404, 405, 400, 429].includes(status), `${where}: a path that is in no contract`);
    if (type === 'application/json' && method !== 'HEAD') {
      judge(errorAt);
    }
    return;
  }
  const operation = route.item[method === 'HEAD' ? 'get' : method.toLowerCase()];
  assert.ok(operation, `${where}: the contract has no ${method} ${route.template}`);
  if (status === 500) {
    return judge(errorAt); // announced for none, and of this shape for all
  }
  const key = method === 'HEAD' ? 'get' : method.toLowerCase();
  const [answer, at] = resolved(operation.responses[status], pointer('paths', route.template, key, 'responses', String(status)));
  assert.ok(answer, `${where}: the contract does not know this status there: ${text.slice(0, 200)}`);
  for (const [name, header] of Object.entries(answer.headers ?? {})) {
    const value = headers.get(name);
    if (value !== null && resolved(header)[0].schema.type === 'integer') {
      assert.match(value, /^[0-9]+$/, `${where}: ${name}`);
    }
  }
  if (method === 'HEAD' || status === 304 || status === 204) {
    return;
  }
  const known = Object.keys(answer.content ?? {});
  const media = known.find((k) => k === type || k === '*/*');
  assert.ok(media || (known.length === 0 && text === ''), `${where}: ${type} is not announced, but ${known}`);
  if (media === 'application/json') {
    judge(`${at}/content/${pointer('application/json')}/schema`);
    if (operation.operationId === 'sync') {
      for (const { event, data } of json.events ?? []) {
        checkEvent(event, data, true);
      }
    }
  }
}
