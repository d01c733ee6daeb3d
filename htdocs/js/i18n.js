// SPDX-License-Identifier: Apache-2.0
//
// i18n.js - which language the page speaks, and its sentences. ?lang= decides
// and is remembered, then what the browser asks for, then the page's own lang
// attribute. Another language is one more file in lang/ and one line here.

import en from './lang/en.js';
import ar from './lang/ar.js';
import { plain } from './text.js';

const TABLES = { en, ar };
const RIGHT_TO_LEFT = new Set(['ar']);
const REMEMBERED = 'chat.lang';

let current = 'en'; // a key of TABLES
let tag = 'en'; // with region, for dates and numbers: "ar-EG", "en-GB"

/** The first wish we can fulfil, as the wish was written ("ar-EG"), or "en". */
export function pickLanguage(wishes) {
  const found = wishes.find((wish) => wish && TABLES[base(wish)]);
  return found ?? 'en';
}

function base(wish) {
  return wish.toLowerCase().split('-')[0];
}

export function useLanguage(wish) {
  tag = wish;
  current = base(wish);
}

/** Choose for this browser and tell the document, before the first render. */
export function startLanguage() {
  const asked = new URLSearchParams(location.search).get('lang');
  const html = document.documentElement;
  if (asked && TABLES[base(asked)]) {
    remember(asked);
  }
  const wish = pickLanguage([asked, remembered(), ...navigator.languages,
    html.lang]);
  // "ar" asked by a browser that says "ar-EG": the region knows the digits.
  const exact = navigator.languages.find((l) => base(l) === base(wish));
  useLanguage(exact ?? wish);
  html.lang = current;
  html.dir = RIGHT_TO_LEFT.has(current) ? 'rtl' : 'ltr';
}

/** Storage may be forbidden by the browser; the page works without. */
function remember(wish) {
  try {
    localStorage.setItem(REMEMBERED, wish);
  } catch {
    // then ?lang= holds for this page only
  }
}

function remembered() {
  try {
    return localStorage.getItem(REMEMBERED);
  } catch {
    return null;
  }
}

/** The language of dates and numbers. */
export function locale() {
  return tag;
}

/** The language the switch offers: the other one. */
export function otherLanguage() {
  return current === 'ar' ? 'en' : 'ar';
}

export function has(key) {
  return Object.hasOwn(TABLES[current], key);
}

/** The sentence of a key. `values.n` chooses among plural forms. */
export function t(key, values = {}) {
  let sentence = TABLES[current][key];
  if (sentence === undefined) {
    return key;
  }
  if (typeof sentence === 'object') {
    const form = new Intl.PluralRules(current).select(values.n);
    sentence = sentence[form] ?? sentence.other;
  }
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => (
    name in values ? shown(values[name]) : whole));
}

function shown(value) {
  return typeof value === 'number' ? number(value) : plain(value);
}

export function number(value) {
  return new Intl.NumberFormat(tag).format(value);
}

/** Words for a status the table does not know come from the database as they
 *  are: "awaiting_xray" reads "Awaiting xray". */
export function statusText(status) {
  const key = `status.${status}`;
  if (has(key)) {
    return t(key);
  }
  const words = String(status ?? '').replace(/[_-]+/g, ' ').trim();
  return words.charAt(0).toLocaleUpperCase() + words.slice(1);
}

export function roleText(role) {
  return has(`role.${role}`) ? t(`role.${role}`) : String(role ?? '');
}
