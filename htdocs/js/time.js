// SPDX-License-Identifier: Apache-2.0
//
// time.js - times as people read them. Everything takes the moment, the
// present and the language, so that a test can be at any time of day.
// Moments are ISO strings as the server sends them, or milliseconds.

const MINUTE = 60e3;
const DAY = 24 * 60 * MINUTE;

const formatters = new Map();

/** Intl objects are slow to make and a list has many times: keep them. */
function formatter(kind, lang, options) {
  const key = `${kind.name} ${lang} ${JSON.stringify(options)}`;
  let found = formatters.get(key);
  if (!found) {
    found = new kind(lang, options);
    formatters.set(key, found);
  }
  return found;
}

function format(date, lang, options) {
  return formatter(Intl.DateTimeFormat, lang, options).format(date);
}

/** Words that stand alone begin with a capital: "Yesterday". */
function capital(words, lang) {
  const [first = '', ...rest] = words;
  return first.toLocaleUpperCase(lang) + rest.join('');
}

/** The day a moment belongs to, as a short name: "2026-10-22". */
export function dayOf(moment) {
  const date = new Date(moment);
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].join('-');
}

function startOfDay(moment) {
  const date = new Date(moment);
  date.setHours(0, 0, 0, 0);
  return date.getTime();
}

/** Whole calendar days from a to b, in the reader's time zone. Rounded, since
 *  two days a year do not have 24 hours. */
function daysBetween(a, b) {
  return Math.round((startOfDay(b) - startOfDay(a)) / DAY);
}

/** 09:05 or 9:05 AM, as the language has it. */
export function clock(moment, lang) {
  return format(new Date(moment), lang, { timeStyle: 'short' });
}

/** All of it, for a tooltip. */
export function full(moment, lang) {
  return format(new Date(moment), lang,
    { dateStyle: 'full', timeStyle: 'short' });
}

/** In the conversation list: Now, 5 min. ago, 14:05, Yesterday, Tuesday, 3 Nov,
 *  03/11/2025 - the further away, the coarser. */
export function listTime(moment, now, lang) {
  const date = new Date(moment);
  const age = now - date.getTime();
  const relative = formatter(Intl.RelativeTimeFormat, lang,
    { numeric: 'auto', style: 'short' });

  // A clock that runs ahead of ours is not a reason to speak of the future.
  if (age < MINUTE && age > -10 * MINUTE) {
    return capital(relative.format(0, 'second'), lang);
  }
  if (age > 0 && age < 60 * MINUTE) {
    return relative.format(-Math.floor(age / MINUTE), 'minute');
  }
  const days = daysBetween(date, now);
  if (days === 0) {
    return clock(date, lang);
  }
  if (days === 1) {
    return capital(relative.format(-1, 'day'), lang);
  }
  if (days > 1 && days < 7) {
    return format(date, lang, { weekday: 'long' });
  }
  if (date.getFullYear() === new Date(now).getFullYear()) {
    return format(date, lang, { day: 'numeric', month: 'short' });
  }
  return format(date, lang,
    { day: '2-digit', month: '2-digit', year: 'numeric' });
}

/** Above the first message of a day: Today, Yesterday, Tuesday 3 November,
 *  with the year when it is another one. */
export function dayLabel(moment, now, lang) {
  const date = new Date(moment);
  const days = daysBetween(date, now);
  if (days === 0 || days === 1) {
    return capital(formatter(Intl.RelativeTimeFormat, lang,
      { numeric: 'auto' }).format(-days, 'day'), lang);
  }
  const options = { weekday: 'long', day: 'numeric', month: 'long' };
  if (date.getFullYear() !== new Date(now).getFullYear()) {
    options.year = 'numeric';
  }
  return format(date, lang, options);
}
