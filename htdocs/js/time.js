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

export function sameDay(a, b) {
  return startOfDay(a) === startOfDay(b);
}

/** 18:05 */
export function clock(moment, lang) {
  return format(new Date(moment), lang, { hour: '2-digit', minute: '2-digit' });
}

/** All of it, for a tooltip. */
export function full(moment, lang) {
  return format(new Date(moment), lang,
    { dateStyle: 'full', timeStyle: 'short' });
}

/** In the conversation list: "now", "5 min. ago", 14:05, yesterday, Tuesday,
 *  3 Nov, 03/11/2025 - the further away, the coarser. */
export function listTime(moment, now, lang) {
  const date = new Date(moment);
  const age = now - date.getTime();
  const relative = formatter(Intl.RelativeTimeFormat, lang,
    { numeric: 'auto', style: 'short' });

  // A clock that runs ahead of ours is not a reason to speak of the future.
  if (age < MINUTE && age > -10 * MINUTE) {
    return relative.format(0, 'second');
  }
  if (age > 0 && age < 60 * MINUTE) {
    return relative.format(-Math.floor(age / MINUTE), 'minute');
  }
  const days = daysBetween(date, now);
  if (days === 0) {
    return clock(date, lang);
  }
  if (days === 1) {
    return relative.format(-1, 'day');
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

/** Above the first message of a day: today, yesterday, Tuesday, 3 November,
 *  with the year when it is another one. */
export function dayLabel(moment, now, lang) {
  const date = new Date(moment);
  const days = daysBetween(date, now);
  if (days === 0 || days === 1) {
    return formatter(Intl.RelativeTimeFormat, lang, { numeric: 'auto' })
      .format(-days, 'day');
  }
  const options = { weekday: 'long', day: 'numeric', month: 'long' };
  if (date.getFullYear() !== new Date(now).getFullYear()) {
    options.year = 'numeric';
  }
  return format(date, lang, options);
}
