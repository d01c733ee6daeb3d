// SPDX-License-Identifier: Apache-2.0
//
// A network cable one can pull: a TCP relay between a browser and the site. Cut,
// every connection dies and new ones are refused, as when a laptop loses its
// network; mended, the same address answers again.

import net from 'node:net';
import { cleanup } from '../../site/lib/cleanup.mjs';

export async function layCable(toPort) {
  const pairs = new Set();
  let whole = true;
  const server = net.createServer((near) => {
    if (!whole) {
      near.resetAndDestroy();
      return;
    }
    const far = net.connect(toPort, '127.0.0.1');
    const pair = [near, far];
    pairs.add(pair);
    const end = () => {
      near.destroy();
      far.destroy();
      pairs.delete(pair);
    };
    for (const s of pair) {
      s.setNoDelay(true);
      s.once('close', end).once('error', end);
    }
    near.pipe(far).pipe(near);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const drop = () => pairs.forEach((pair) => pair.forEach((s) => s.destroy()));
  cleanup(() => {
    drop();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    cut() {
      whole = false;
      drop();
    },
    mend() {
      whole = true;
    },
  };
}
