// SPDX-License-Identifier: Apache-2.0
//
// fold.mjs - makes common/fold_table.c, see common/fold.h.
//
//   node dev/fold.mjs >common/fold_table.c
//
// The tables are kept in the tree, because a database is indexed with one of them:
// made anew with another Unicode version they may differ, and then
// CHAT_FOLD_VERSION has to be raised, which makes every index anew.

const APART = 0xffff, // no part of a word
      NOTHING = 0xfffe, // left out
      ALONE = 0xfffd, // a word of its own
      SEVERAL = 0xe000; // + index: several characters. Private use is APART

// What decomposition does not say: letters with a stroke, Arabic ones that are
// written in each other's place.
const also = {
    'ø': 'o', 'đ': 'd', 'ł': 'l', 'ħ': 'h', 'ı': 'i', 'ŧ': 't', 'ð': 'd', 'þ': 'th',
    'æ': 'ae', 'œ': 'oe', 'ß': 'ss', 'ς': 'σ',
    'ٱ': 'ا', 'ى': 'ي', 'ة': 'ه', 'ی': 'ي', 'ک': 'ك', 'ۀ': 'ه', 'ہ': 'ه', 'ۃ': 'ه',
};

const digit = c => { // decimal digits of every script: blocks of ten
    const cp = c.codePointAt(0);
    let zero = cp;
    while (cp - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero--;
    return String((cp - zero) % 10);
};

// Vowel signs of Indic scripts are \p{Mn} too, and are not left out: words differ
// by them.
const mark = cp => (cp >= 0x300 && cp <= 0x36f) || (cp >= 0x483 && cp <= 0x487)
    || (cp >= 0x591 && cp <= 0x5c7) || (cp >= 0x610 && cp <= 0x61a)
    || (cp >= 0x64b && cp <= 0x65f) || cp === 0x670 || (cp >= 0x6d6 && cp <= 0x6ed)
    || (cp >= 0x8d3 && cp <= 0x8ff) || (cp >= 0x1ab0 && cp <= 0x1aff)
    || (cp >= 0x1dc0 && cp <= 0x1dff) || (cp >= 0x20d0 && cp <= 0x20ff)
    || (cp >= 0xfe00 && cp <= 0xfe0f) || (cp >= 0xfe20 && cp <= 0xfe2f);

function fold(cp) {
    const c = String.fromCharCode(cp);
    if ((cp >= 0xd800 && cp <= 0xf8ff)) return APART;
    if (cp === 0x640 || (mark(cp) && /\p{M}/u.test(c)) || /\p{Cf}/u.test(c)) return NOTHING;
    if (/\p{Nd}/u.test(c)) return digit(c);
    if (/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u.test(c)
        && /\p{L}/u.test(c)) return ALONE;
    if (!/[\p{L}\p{M}\p{N}]/u.test(c)) return APART;
    if (cp >= 0xac00 && cp <= 0xd7a3) return cp; // Hangul stays together
    const out = [...c.normalize('NFKD').toLowerCase().normalize('NFKD')]
        .map(x => also[x] ?? x).join('');
    const kept = [...out].filter(x => !mark(x.codePointAt(0)) && x !== 'ـ'
        && /[\p{L}\p{M}\p{N}]/u.test(x))
        .map(x => /\p{Nd}/u.test(x) ? digit(x) : x);
    if (kept.length === 0) return APART;
    if (kept.length > 3) return cp; // ligatures of whole phrases
    return kept.length === 1 ? kept[0].codePointAt(0) : kept.join('');
}

const several = [], pages = [], index = [];
for (let page = 0; page < 256; page++) {
    const row = [];
    for (let i = 0; i < 256; i++) {
        const cp = page * 256 + i;
        let to = fold(cp);
        if (typeof to === 'string' && to.length === 1) to = to.codePointAt(0);
        if (typeof to === 'string') {
            let at = several.indexOf(to);
            if (at < 0) at = several.push(to) - 1;
            to = SEVERAL + at;
        }
        row.push(to === cp ? 0 : to);
    }
    const text = row.join();
    let at = pages.indexOf(text);
    if (at < 0) at = pages.push(text) - 1;
    index.push(at);
}

const hex = n => n < 10 ? String(n) : '0x' + n.toString(16);
const wrap = (list, indent = '    ') => {
    const lines = [];
    let line = indent;
    for (const x of list) {
        if (line.length + x.length + 2 > 80) { lines.push(line.trimEnd()); line = indent; }
        line += x + ', ';
    }
    lines.push(line.trimEnd());
    return lines.join('\n');
};
console.log(`/* SPDX-License-Identifier: Apache-2.0 */
/* fold_table.c - made by dev/fold.mjs, see fold.h. */
#include "fold.h"

/* clang-format off */
const apr_byte_t chat_fold_pages[256] = {
${wrap(index.map(String))}
};

const apr_uint16_t chat_fold_to[][256] = {
${pages.map(p => '    {\n' + wrap(p.split(',').map(x => hex(+x)), '        ') + '\n    },').join('\n')}
};

const apr_uint16_t chat_fold_several[][3] = {
${several.map(s => '    { ' + [0, 1, 2].map(i => hex(s.charCodeAt(i) || 0)).join(', ') + ' },').join('\n')}
};
/* clang-format on */`);
