// SPDX-License-Identifier: Apache-2.0
//
// plan.js - what the page knows of treatment plans. A plan is told by lists, by cards
// and by events, in any order and more than once. Its way leads in one direction only,
// so of two tellings the later state is the newer one, and within a state the later
// change. Plain data and plain functions.

const RANK = { draft: 0, submitted: 1 }; // all others end it
const rank = (plan) => RANK[plan.status] ?? 2;

/** Whether `a` tells more than `b`, which may be missing. */
function newer(a, b) {
  if (!b || rank(a) !== rank(b)) {
    return !b || rank(a) > rank(b);
  }
  if (!a.acknowledged_at !== !b.acknowledged_at) {
    return Boolean(a.acknowledged_at);
  }
  return String(a.updated_at ?? '') >= String(b.updated_at ?? '');
}

/** Take over what was told. @param plans  Map of id (text) -> plan */
export function putPlan(plans, plan) {
  const id = String(plan.id);
  if (newer(plan, plans.get(id))) {
    plans.set(id, plan);
  }
}

/** The plan of a message's card as far as we know it. */
export function planOf(plans, message) {
  const known = plans.get(String(message.plan.id));
  const best = known && newer(known, message.plan) ? known : message.plan;
  return expired(best) ? { ...best, status: 'expired' } : best;
}

/** Nobody needs to tell that its time is over. */
function expired(plan, now = Date.now()) {
  return plan.status === 'submitted' && plan.expires_at !== null
    && Date.parse(plan.expires_at) <= now;
}

/** Those of a conversation, newest first. */
export function plansOf(plans, key) {
  return [...plans.values()]
    .filter((plan) => String(plan.consultation_id) === key && !expired(plan))
    .sort((a, b) => String(b.created_at).localeCompare(String(a.created_at)));
}

/** Whether a message is the newest card of its plan: older ones are one line. */
export function isNewestCard(messages, message) {
  const id = String(message.plan.id);
  const last = messages.findLast((m) => m.plan && String(m.plan.id) === id);
  return last === undefined || last.id <= message.id;
}

/** "€1,234.50", as the reader writes it; null without a price. */
export function priceText(plan, locale) {
  if (plan.price_cents === null) {
    return null;
  }
  const amount = plan.price_cents / 100;
  try {
    return new Intl.NumberFormat(locale,
      { style: 'currency', currency: plan.currency }).format(amount)
      .replace(/\p{Script=Latin}+\p{Sc}/gu, '\u2066$&\u2069'); // among Arabic it
    // would turn into $US
  } catch {
    // another program's idea of a currency
    return `${new Intl.NumberFormat(locale).format(amount)} ${
      plan.currency ?? ''}`.trim();
  }
}

/** Digits of other scripts and both decimal signs. @return cents, or null */
export function centsOf(text) {
  const plain = text.trim()
    .replace(/[٠-٩]/g, (d) => String(d.charCodeAt(0) - 0x660))
    .replace(/[۰-۹]/g, (d) => String(d.charCodeAt(0) - 0x6f0))
    .replace(/[,٫]/g, '.');
  if (!/^\d{1,8}(\.\d{1,2})?$/.test(plain)) {
    return null;
  }
  const [whole, part = ''] = plain.split('.');
  return Number(whole) * 100 + Number(part.padEnd(2, '0'));
}

/** Likewise. @return a number, or null */
export function daysIn(text) {
  const plain = text.trim()
    .replace(/[٠-٩]/g, (d) => String(d.charCodeAt(0) - 0x660))
    .replace(/[۰-۹]/g, (d) => String(d.charCodeAt(0) - 0x6f0));
  const n = /^\d{1,4}$/.test(plain) ? Number(plain) : 0;
  return n >= 1 && n <= 3650 ? n : null;
}

/** The form's fields of a plan, or of none yet. */
export function fieldsOf(plan, currency) {
  return {
    title: plan?.title ?? '',
    description: plan?.description ?? '',
    price: plan?.price_cents == null ? '' : String(plan.price_cents / 100),
    currency: plan?.currency ?? currency,
    days: plan?.duration_days == null ? '' : String(plan.duration_days),
    valid: plan ? String(plan.valid_days ?? '') : '14',
    must: plan?.must_acknowledge ?? false,
  };
}

/**
 * What the form says as a request.
 * @return {{body, errors}} errors: field -> key of a sentence
 */
export function bodyOf(fields) {
  const errors = {};
  const title = fields.title.trim();
  if (title === '') {
    errors.title = 'plan.error.title';
  } else if ([...title].length > 200) {
    errors.title = 'plan.error.title.long';
  }
  if ([...fields.description.trim()].length > 2000) {
    errors.description = 'plan.error.description';
  }
  const price = fields.price.trim() === '' ? null : centsOf(fields.price);
  if (fields.price.trim() !== '' && price === null) {
    errors.price = 'plan.error.price';
  }
  const days = fields.days.trim() === '' ? null : daysIn(fields.days);
  if (fields.days.trim() !== '' && days === null) {
    errors.days = 'plan.error.days';
  }
  const valid = fields.valid.trim() === '' ? null : daysIn(fields.valid);
  if (fields.valid.trim() !== '' && valid === null) {
    errors.valid = 'plan.error.days';
  }
  return {
    errors,
    body: {
      title,
      description: fields.description.trim(),
      price_cents: price,
      currency: fields.currency,
      duration_days: days,
      valid_days: valid,
      must_acknowledge: fields.must,
    },
  };
}

/** The form's fields by the names the server has for them. */
export const FIELDS = {
  title: 'title',
  description: 'description',
  price_cents: 'price',
  currency: 'currency',
  duration_days: 'days',
  valid_days: 'valid',
  expires_at: 'valid',
  must_acknowledge: 'must',
  reason: 'reason',
};
