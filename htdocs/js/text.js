// SPDX-License-Identifier: Apache-2.0
//
// text.js - small questions about strings: how long is this for the server,
// what are the initials of a name, which colour does a person get. Pure, no
// page, so node tests import it as it is.

/** The server counts characters (code points), not UTF-16 units: a smiling
 *  face is one. */
export function characters(text) {
  let n = 0;
  for (const _ of text) {
    n++;
  }
  return n;
}

// Titles that say nothing about who a person is. Names come as people wrote
// them, in Latin or Arabic script.
const TITLES = /^(dr|prof|mr|mrs|ms|د|أ|الدكتور|الدكتورة)\.?$/iu;

/** One or two letters for an avatar: "Dr. Lena Hoffmann" gives "LH". */
export function initials(name) {
  const words = String(name ?? '').split(/[\s.]+/u)
    .filter((word) => /\p{L}/u.test(word) && !TITLES.test(word));
  if (words.length === 0) {
    return '?';
  }
  const first = firstLetter(words[0]);
  if (words.length === 1) {
    return first;
  }
  // Arabic letters would join into something that looks like a word: a thin
  // space of no width keeps them apart.
  const last = firstLetter(words[words.length - 1]);
  return /\p{Script=Arabic}/u.test(first) ? `${first}\u200c${last}`
    : first + last;
}

function firstLetter(word) {
  // The Arabic article is not what a name is known by: "الحسن" is a ح.
  const bare = word.replace(/^ال(?=\p{L}{2})/u, '');
  return (bare.match(/\p{L}/u) ?? ['?'])[0].toLocaleUpperCase();
}

export const COLOURS = 8;

/** Which of the eight avatar colours a person has: the same everywhere and on
 *  every visit. Colours are classes, since the page's policy forbids style
 *  attributes. */
export function colourOf(id) {
  let hash = 7;
  for (const char of String(id)) {
    hash = (hash * 31 + char.codePointAt(0)) % 65521;
  }
  return hash % COLOURS;
}

/** A name as it stands among other words: without the characters that turn the
 *  direction of what follows them, which a name needs none of. */
export function plain(name) {
  return String(name ?? '').replace(/[\u202a-\u202e\u2066-\u2069]/gu, '');
}

/* What ends an address, or has no place in one: spaces, brackets and quotes that
 * stand around it, characters nobody sees or that turn the direction of others. */
const ADDRESS = new RegExp('https?://[^\\s<>"\u00ab\u00bb\u201c-\u201f'
  + '\\p{Cc}\\p{Cf}]+', 'giu');
const AFTER = '.,;:!?\'*_~\u060c\u061b\u061f\u3002';
const PAIRS = { '(': ')', '[': ']', '{': '}' };

/** A text in pieces: `{ text }`, and `{ text, href }` for web addresses in it. One that
 *  hides where it leads behind a name (https://clinic.example@evil.example) is text. */
export function pieces(text) {
  const all = [];
  let at = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = ended(match[0]);
    if (leads(address)) {
      if (match.index > at) {
        all.push({ text: text.slice(at, match.index) });
      }
      all.push({ text: address, href: address });
      at = match.index + address.length;
    }
  }
  if (at < text.length) {
    all.push({ text: text.slice(at) });
  }
  return all;
}

/** Without what belongs to the sentence: its full stop, the bracket it stands in. In
 *  one walk over it: others choose how long it is. */
function ended(address) {
  const open = { ')': 0, ']': 0, '}': 0 };
  const shut = { ')': 0, ']': 0, '}': 0 };
  for (const c of address) {
    if (c in shut) {
      shut[c] += 1;
    } else if (c in PAIRS) {
      open[PAIRS[c]] += 1;
    }
  }
  let end = address.length;
  while (end > 0) {
    const last = address[end - 1];
    if (shut[last] > open[last]) {
      shut[last] -= 1;
    } else if (!AFTER.includes(last)) {
      break;
    }
    end -= 1;
  }
  return address.slice(0, end);
}

function leads(address) {
  try {
    const { hostname, username, password } = new URL(address);
    return hostname !== '' && username === '' && password === '';
  } catch {
    return false;
  }
}

/** A message as one line of the conversation list. */
export function oneLine(text, limit = 140) {
  const line = String(text ?? '').slice(0, limit * 4).replace(/\s+/gu, ' ')
    .trim();
  const chars = [...line];
  return chars.length <= limit ? line : `${chars.slice(0, limit).join('')}…`;
}

/** An id for a message that is not yet stored. crypto.randomUUID exists only
 *  in secure contexts, and http://clinic.lan is none. */
export function newId(source = globalThis.crypto) {
  if (typeof source.randomUUID === 'function') {
    return source.randomUUID();
  }
  const bytes = source.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16),
    hex.slice(16, 20), hex.slice(20)].join('-');
}

/* What a browser calls itself, by what it says of itself: the first that fits. */
const BROWSERS = [[/Edg\//, 'Edge'], [/OPR\//, 'Opera'], [/Firefox\//, 'Firefox'],
  [/Chrome\//, 'Chrome'], [/Safari\//, 'Safari']];
const SYSTEMS = [[/iPhone/, 'iPhone'], [/iPad/, 'iPad'], [/Android/, 'Android'],
  [/Windows/, 'Windows'], [/Mac OS X/, 'macOS'], [/Linux/, 'Linux']];

/** "Firefox, Linux" from a User-Agent; '' when it says neither. */
export function deviceName(agent) {
  const first = (list) => list.find(([fits]) => fits.test(agent ?? ''))?.[1];
  return [first(BROWSERS), first(SYSTEMS)].filter(Boolean).join(', ');
}
