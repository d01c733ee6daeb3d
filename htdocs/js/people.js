// SPDX-License-Identifier: Apache-2.0
//
// people.js - who is in a conversation and how far each has got: the part of the
// store (store.js) that receipts and members need. Plain data, plain functions.
//
// A mark says "up to this message": it only grows, so the same thing may be told
// again, late, and in any order. Between patient and doctor read_at of a message
// tells whether it was read; where more people are, each one's mark does.

import { sameId } from './ids.js';

/** @return {members, mayManage, loaded, marks}: made on first use */
export function peopleOf(state, key) {
  let people = state.people.get(key);
  if (!people) {
    people = {
      members: [], // as GET …/members has them
      mayManage: false,
      loaded: false,
      marks: new Map(), // user id -> {delivered, read}, message ids
    };
    state.people.set(key, people);
  }
  return people;
}

/** The answer of GET …/members. */
export function putMembers(state, key, answer) {
  const people = peopleOf(state, key);
  people.members = answer.members;
  people.mayManage = answer.may_manage;
  people.loaded = true;
  for (const member of answer.members) {
    mark(people, member.user.id, 'delivered', member.delivered_to);
    mark(people, member.user.id, 'read', member.read_to);
  }
  setMembers(state, key, answer.members.map((member) => member.user));
}

function mark(people, userId, kind, upTo) {
  const id = String(userId);
  const marks = people.marks.get(id) ?? { delivered: 0, read: 0 };
  marks[kind] = Math.max(marks[kind], Number(upTo ?? 0));
  people.marks.set(id, marks);
}

function setMembers(state, key, users) {
  const conversation = state.conversations.get(key);
  if (conversation) {
    conversation.members = users;
  }
}

/** MessageDelivered, and MessageRead where it says how far. */
export function noteMark(state, key, kind, data) {
  if (data.up_to != null) {
    mark(peopleOf(state, key), data.user_id, kind, data.up_to);
  }
}

/** Somebody has come. */
export function memberAdded(state, data, key) {
  const conversation = state.conversations.get(key);
  if (!conversation) {
    state.stale = true; // perhaps it is ours from now on
    return;
  }
  peopleOf(state, key).loaded = false; // asked for anew when it is shown
  if (!conversation.members.some((member) => sameId(member.id, data.user_id))) {
    conversation.members = [...conversation.members, data.user];
  }
}

/** Somebody has gone; when it is us, the conversation with them. */
export function memberRemoved(state, data, key) {
  const conversation = state.conversations.get(key);
  const people = peopleOf(state, key);
  people.loaded = false;
  people.members = people.members
    .filter((member) => !sameId(member.user.id, data.user_id));
  if (sameId(data.user_id, state.me.id) && state.me.role !== 'admin') {
    state.conversations.delete(key);
    state.threads.get(key) && (state.threads.get(key).failed = 'missing');
    return;
  }
  if (conversation) {
    conversation.members = conversation.members
      .filter((member) => !sameId(member.id, data.user_id));
  }
}

/** Whether more than two are in a conversation. */
export function isGroup(conversation) {
  return (conversation?.members?.length ?? 0) > 2;
}

/** What somebody is in it: 'patient', 'doctor', 'member'; null: not known. */
export function partOf(state, key, userId) {
  return state.people.get(key)?.members
    .find((member) => sameId(member.user.id, userId))?.role ?? null;
}

/** Whether somebody is known to be its doctor no more. */
export function isFormer(state, key, userId) {
  return Boolean(state.people.get(key)?.loaded)
    && partOf(state, key, userId) !== 'doctor';
}

/** Whether we have read what somebody else wrote. read_at is the recipient's:
 *  the doctor's of what the patient writes, the patient's of all else. Between two
 *  people that is also what staff write: the doctor's own mark tells of it. */
export function readByUs(state, key, message) {
  const conversation = state.conversations.get(key);
  if (!isGroup(conversation)
      && (conversation?.members.some((member) => sameId(member.id, message.user_id))
        || !state.people.get(key)?.loaded)) {
    return Boolean(message.read_at);
  }
  const part = partOf(state, key, state.me.id);
  if (part === 'patient'
      || (part === 'doctor' && partOf(state, key, message.user_id) === 'patient')) {
    return Boolean(message.read_at);
  }
  const ours = state.people.get(key)?.marks.get(String(state.me.id));
  return (ours?.read ?? 0) >= message.id;
}

/** We have read up to here. */
export function markOwn(state, key, upTo) {
  mark(peopleOf(state, key), state.me.id, 'read', upTo);
}

/** How far one's own message has got: 'sent', 'delivered' (to everybody),
 *  'read' (by everybody). */
export function progressOf(state, key, message) {
  const conversation = state.conversations.get(key);
  const marks = state.people.get(key)?.marks ?? new Map();
  const others = (conversation?.members ?? [])
    .filter((member) => !sameId(member.id, message.user_id));
  if (others.length <= 1) {
    const had = others[0] && marks.get(String(others[0].id));
    return message.read_at ? 'read'
      : had && Math.max(had.delivered, had.read) >= message.id ? 'delivered'
        : 'sent';
  }
  const to = recipientOf(state, key, message);
  const reached = (member, kind) => (
    (to !== null && sameId(member.id, to) && message.read_at)
      || (marks.get(String(member.id))?.[kind] ?? 0) >= message.id
      || (kind === 'delivered' && (marks.get(String(member.id))?.read ?? 0)
        >= message.id));
  return others.every((member) => reached(member, 'read')) ? 'read'
    : others.every((member) => reached(member, 'delivered')) ? 'delivered'
      : 'sent';
}

/** Whom a message is written to, as far as we know who is what. */
function recipientOf(state, key, message) {
  const members = state.people.get(key)?.members ?? [];
  const id = (part) => members.find((m) => m.role === part)?.user.id ?? null;
  return sameId(id('patient'), message.user_id) ? id('doctor') : id('patient');
}
