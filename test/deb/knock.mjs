// SPDX-License-Identifier: Apache-2.0
//
// Somebody who comes again and again: connects to ports of this machine, asks for /,
// and waits for the end, until a file exists. Paths are of sockets that httpd uses: that
// they are there is all that is asked.
//
//   node knock.mjs FILE PORT-OR-PATH…

import fs from 'node:fs';
import net from 'node:net';

const [file, ...places] = process.argv.slice(2);
const count = { refused: 0, answered: 0, broken: 0 };

function knock(place) {
  if (place.startsWith('/')) {
    count[fs.existsSync(place) ? 'answered' : 'refused']++;
    return new Promise((done) => setTimeout(done, 5));
  }
  return new Promise((done) => {
    const socket = net.connect({ port: Number(place), host: '127.0.0.1' });
    let text = '';
    socket.on('data', (d) => { text += d; });
    socket.on('error', (e) => { count[e.code === 'ECONNREFUSED' ? 'refused' : 'broken']++; });
    socket.on('close', (failed) => {
      if (!failed) {
        count[text ? 'answered' : 'broken']++;
      }
      done();
    });
    socket.write('GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
  });
}

console.log('knocking');
await Promise.all(places.map(async (place) => {
  while (!fs.existsSync(file)) {
    await knock(place);
  }
}));
console.log(JSON.stringify(count));
