// SPDX-License-Identifier: Apache-2.0
//
// An earlier tree of this project in PHP's place (BEFORE=…, built there with make): what
// do the changes since then cost? Its own programs and SQL on the same cluster, beside
// ours, in turn.

import fs from 'node:fs';
import path from 'node:path';
import { SiteError, freePort } from '../../../dev/site.mjs';

/** Its database: the application's, adapted by its own file.
 *  @param tree  the directory of the earlier tree */
export function copyBefore(cluster, seed, tree) {
  const adapt = path.join(tree, 'sql/laravel.pgsql.sql');
  if (!fs.existsSync(adapt) || !fs.existsSync(path.join(tree, 'build/chat-push'))) {
    throw new SiteError(`BEFORE=${tree} is not a tree of this project that has been built`);
  }
  cluster.copy(seed, 'chat_peer', (db) => {
    cluster.file(db, 'index.peer.sql');
    cluster.sql(db, fs.readFileSync(adapt, 'utf8'));
  });
}

/** @return the site, prepared; it has what Peer has: start, stop, url, httpd */
export async function beforeSite(tree, dir, db, conf) {
  const { Site } = await import(path.join(tree, 'dev/site.mjs'));
  class Before extends Site {
    makeDatabase() {}
  }
  fs.rmSync(dir, { recursive: true, force: true });
  const site = new Before({
    dir, build: path.join(tree, 'build'), sample: false, db, extraConf: conf,
    port: await freePort(), pushPort: await freePort(), metricsPort: await freePort(),
  });
  site.prepare();
  return site;
}
