// SPDX-License-Identifier: Apache-2.0
//
// Settings made for Soketi 1.x start chat-push as they are: its complete
// options object, the environments of its docker-compose files, its command
// line, and an app in each spelling its App class reads.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { Push, runPush } from './lib/push.mjs';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'chat-soketi-'));
after(() => fs.rmSync(dir, { recursive: true }));

function file(name, content) {
  const at = path.join(dir, name);
  fs.writeFileSync(at, JSON.stringify(content));
  return at;
}

/** Start, connect, subscribe, publish, hear it, stop. @return what the log says */
async function serves({ app, args = [], env = {}, during = async () => {} }) {
  const child = new Push();
  child.app = app;
  await child.start({
    args,
    env: {
      ...(args.length ? {} : { SOKETI_DEFAULT_APP_ID: '', SOKETI_DEFAULT_APP_KEY: '', SOKETI_DEFAULT_APP_SECRET: '', SOKETI_DEFAULT_APP_ENABLE_CLIENT_MESSAGES: '' }),
      ...env,
    },
  });
  const s = await child.raw();
  await s.join('private-room');
  await child.sdk().trigger('private-room', 'e', { a: 1 });
  await s.next('e');
  await during(child, s);
  await s.close();
  assert.deepEqual(await child.stop(), { code: 0, signal: null }, child.stderr);
  return child.stderr;
}

// The options an unconfigured Soketi 1.6 has.
const defaults = {
  adapter: {
    driver: 'local',
    redis: { requestsTimeout: 5000, prefix: '', redisPubOptions: {}, redisSubOptions: {}, clusterMode: false },
    cluster: { requestsTimeout: 5000 },
    nats: { requestsTimeout: 5000, prefix: '', servers: ['127.0.0.1:4222'], user: null, pass: null, token: null, timeout: 10000, nodesNumber: null },
  },
  appManager: {
    driver: 'array',
    cache: { enabled: false, ttl: -1 },
    array: {
      apps: [{
        id: 'app-id', key: 'app-key', secret: 'app-secret', maxConnections: -1, enableClientMessages: false, enabled: true,
        maxBackendEventsPerSecond: -1, maxClientEventsPerSecond: -1, maxReadRequestsPerSecond: -1, webhooks: [],
      }],
    },
    dynamodb: { table: 'apps', region: 'us-east-1', endpoint: null },
    mysql: { table: 'apps', version: '8.0', useMysql2: false },
    postgres: { table: 'apps', version: '13.3' },
  },
  cache: { driver: 'memory', redis: { redisOptions: {}, clusterMode: false } },
  channelLimits: { maxNameLength: 200, cacheTtl: 3600 },
  cluster: {
    hostname: '0.0.0.0', helloInterval: 500, checkInterval: 500, nodeTimeout: 2000, masterTimeout: 2000, port: 11002, prefix: '',
    ignoreProcess: true, broadcast: '255.255.255.255', unicast: null, multicast: null,
  },
  cors: { credentials: true, origin: ['*'], methods: ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'], allowedHeaders: ['Origin', 'Content-Type', 'X-Auth-Token', 'X-Requested-With', 'Accept', 'Authorization', 'X-CSRF-TOKEN', 'XSRF-TOKEN', 'X-Socket-Id'] },
  database: {
    mysql: { host: '127.0.0.1', port: 3306, user: 'root', password: 'password', database: 'main' },
    postgres: { host: '127.0.0.1', port: 5432, user: 'postgres', password: 'password', database: 'main' },
    redis: { host: '127.0.0.1', port: 6379, db: 0, username: null, password: null, keyPrefix: '', sentinels: null, sentinelPassword: null, name: 'mymaster', clusterNodes: [] },
  },
  databasePooling: { enabled: false, min: 0, max: 7 },
  debug: false,
  eventLimits: { maxChannelsAtOnce: 100, maxNameLength: 200, maxPayloadInKb: 100, maxBatchSize: 10 },
  host: '0.0.0.0',
  httpApi: { requestLimitInMb: 100, acceptTraffic: { memoryThreshold: 85 } },
  instance: { process_id: 1234 },
  metrics: { enabled: false, driver: 'prometheus', host: '0.0.0.0', prometheus: { prefix: 'soketi_' }, port: 9601 },
  mode: 'full',
  port: 6001,
  pathPrefix: '',
  presence: { maxMembersPerChannel: 100, maxMemberSizeInKb: 2 },
  queue: {
    driver: 'sync',
    redis: { concurrency: 1, redisOptions: {}, clusterMode: false },
    sqs: { region: 'us-east-1', endpoint: null, clientOptions: {}, consumerOptions: {}, queueUrl: '', processBatch: false, batchSize: 1, pollingWaitTimeMs: 0 },
  },
  rateLimiter: { driver: 'local', redis: { redisOptions: {}, clusterMode: false } },
  shutdownGracePeriod: 3000,
  ssl: { certPath: '', keyPath: '', passphrase: '', caPath: '' },
  userAuthenticationTimeout: 30000,
  webhooks: { batching: { enabled: false, duration: 50 } },
};

/** {a: {b: 1}} as {'a.b': 1}: the other way Soketi reads a file. */
function dotted(object, prefix = '') {
  return Object.assign({}, ...Object.entries(object).map(([key, value]) => (
    value !== null && typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length
      ? dotted(value, `${prefix}${key}.`) : { [prefix + key]: value })));
}

for (const [how, options] of [['nested', defaults], ['dotted', dotted(defaults)]]) {
  test(`the whole options object, ${how}: what has no effect is named, nothing is unknown`, async () => {
    const app = defaults.appManager.array.apps[0];
    const said = await serves({
      app,
      args: ['start', `--config=${file(`${how}.json`, options)}`],
      during: async (child) => {
        await child.sdk().trigger('room', 'e', 'x'.repeat(90000)); // eventLimits are the file's
      },
    });
    assert.doesNotMatch(said, /unknown settings/);
    for (const name of ['adapter.driver', 'adapter.nats', 'cors.credentials', 'database.redis.host', 'queue.sqs', 'rateLimiter.driver', 'instance.process_id']) {
      assert.match(said, new RegExp(`without effect here:.* ${name.replaceAll('.', '\\.')}(\\.| |\\n)`));
    }
    assert.match(said, /requestLimitInMb is more than maxUnfinishedInMb/);
  });
}

for (const [where, env, app] of [
  ['of its documentation', { SOKETI_DEBUG: '1', SOKETI_METRICS_ENABLED: '1', SOKETI_DEFAULT_APP_ID: 'some-id', SOKETI_DEFAULT_APP_KEY: 'some-key', SOKETI_DEFAULT_APP_SECRET: 'some-secret' },
    { id: 'some-id', key: 'some-key', secret: 'some-secret' }],
  ['of Laravel Sail', { SOKETI_DEBUG: '1', SOKETI_METRICS_SERVER_PORT: '0', SOKETI_DEFAULT_APP_ID: '12345', SOKETI_DEFAULT_APP_KEY: '67890', SOKETI_DEFAULT_APP_SECRET: '0012' },
    { id: '12345', key: '67890', secret: '0012' }],
  ['with Redis beside it', {
    SOKETI_ADAPTER_DRIVER: 'redis', SOKETI_CACHE_DRIVER: 'redis', SOKETI_QUEUE_DRIVER: 'redis', SOKETI_RATE_LIMITER_DRIVER: 'redis',
    SOKETI_DB_REDIS_HOST: 'redis', SOKETI_DB_REDIS_PORT: '6379', SOKETI_DB_REDIS_PASSWORD: 'hush', SOKETI_DEFAULT_APP_ID: 'a', SOKETI_DEFAULT_APP_KEY: 'k', SOKETI_DEFAULT_APP_SECRET: 's',
    SOKETI_DEFAULT_APP_WEBHOOKS: '[{"url":"http://127.0.0.1:9/","event_types":["client_event"]}]',
  }, { id: 'a', key: 'k', secret: 's' }],
]) {
  test(`the environment of a docker-compose file ${where}`, async () => {
    const said = await serves({ app, env });
    assert.doesNotMatch(said, /unknown settings|hush/);
    assert.equal(/adapter\.driver is redis/.test(said), 'SOKETI_ADAPTER_DRIVER' in env);
  });
}

// camelCase as in files, PascalCase and snake_case as in its databases.
for (const app of [
  { id: 'a', key: 'k', secret: 's', maxConnections: '1', enableClientMessages: true, maxEventPayloadInKb: '0.5', enableUserAuthentication: false, webhooks: '[]' },
  { AppId: 'a', AppKey: 'k', AppSecret: 's', MaxConnections: 1, EnableClientMessages: 1, MaxEventPayloadInKb: 0.5, EnableUserAuthentication: 0, Webhooks: '[]', Enabled: true },
  { id: 'a', key: 'k', secret: 's', max_connections: 1, enable_client_messages: 'true', max_event_payload_in_kb: 0.5, enable_user_authentication: 'false', webhooks: null, enabled: 1 },
]) {
  test(`an app as ${Object.keys(app).join(', ')}`, async () => {
    const said = await serves({
      app: { id: 'a', key: 'k', secret: 's' },
      args: ['start', '--config', file('app.json', { debug: true, 'appManager.array.apps': [app] })],
      during: async (child, s) => {
        assert.equal((await child.refused(child.url())).code, 4004);
        s.send({ event: 'client-x', channel: 'private-room', data: {} });
        assert.deepEqual(await s.drain(), []);
        assert.equal((await child.call('POST', '/events', { body: { name: 'e', channel: 'c', data: 'x'.repeat(513) } })).status, 413);
      },
    });
    assert.doesNotMatch(said, /unknown settings/);
  });
}

test('an app given member by member', async () => {
  const said = await serves({
    app: { id: 'b', key: 'l', secret: 't' },
    args: ['--config', file('members.json', {
      'appManager.array.apps': [{ id: 'a', key: 'k', secret: 's' }],
      'appManager.array.apps.1.id': 'b', 'appManager.array.apps.1.key': 'l', 'appManager.array.apps.1.secret': 't',
    })],
  });
  assert.doesNotMatch(said, /unknown settings/);
});

test('what would serve something else than Soketi does is refused in a sentence', async () => {
  for (const [env, says] of [
    [{ SOKETI_MODE: 'worker' }, /mode is worker/],
    [{ SOKETI_APP_MANAGER_DRIVER: 'mysql' }, /appManager\.driver is mysql/],
    [{ SOKETI_DEFAULT_APP_WEBHOOKS: '[{"lambda_function":"f","event_types":["client_event"]}]' }, /lambda_function/],
    [{ SOKETI_PORT: 'tcp://10.0.0.1:6001' }, /port must be a whole number/],
  ]) {
    const r = await runPush({ SOKETI_HOST: '127.0.0.1', SOKETI_PORT: '0', SOKETI_METRICS_ENABLED: '0', ...env });
    assert.equal(r.code, 1, r.stderr);
    assert.match(r.stderr, says);
  }
});
