// SPDX-License-Identifier: Apache-2.0
//
// lang/en.js - every sentence of the page in English. This table decides which
// keys exist; the other languages follow it (a unit test compares them).
// {name} is filled in; an object holds plural forms, chosen by {n}.

export default {
  'app.name': 'Consultations',

  'login.title': 'Sign in',
  'login.lead': 'Messages between you and your care team, in one quiet place.',
  'login.email': 'E-mail',
  'login.password': 'Password',
  'login.submit': 'Sign in',
  'login.wrong': 'E-mail and password do not match.',
  'login.often': 'Too many attempts failed. Please try again later.',
  'login.switch': 'العربية',

  'account.menu': 'Your account',
  'account.logout': 'Sign out',
  'account.language': 'العربية',
  'logout.failed': 'Signing out did not work. Please try again.',
  'logout.unsent': {
    one: 'One message is not sent yet and would be lost. Sign out anyway?',
    other: '{n} messages are not sent yet and would be lost. Sign out anyway?',
  },

  'role.patient': 'Patient',
  'role.doctor': 'Doctor',
  'role.admin': 'Staff',

  'status.pending': 'Pending',
  'status.open': 'Open',
  'status.quoted': 'Plan offered',
  'status.submitted': 'Submitted',
  'status.review': 'In review',
  'status.dispatched': 'With doctors',
  'status.in_progress': 'In progress',
  'status.accepted': 'Accepted',
  'status.rejected': 'Declined',
  'status.scheduled': 'Scheduled',
  'status.completed': 'Completed',
  'status.closed': 'Closed',
  'status.cancelled': 'Cancelled',

  'list.label': 'Conversations',
  'list.search': 'Search by name',
  'list.empty': 'No conversations yet.',
  'list.empty.more': 'They appear here when a consultation begins.',
  'list.nomatch': 'Nobody by that name.',
  'list.nothing': 'No messages yet',
  'list.you': 'You:',
  'list.draft': 'Draft:',
  'list.unread': {
    one: 'One unread message',
    other: '{n} unread messages',
  },
  'list.failed': 'The conversations could not be loaded.',
  'list.more': 'Show more',
  'list.loading': 'Loading conversations',

  'thread.none': 'Choose a conversation',
  'thread.none.more': 'Everything you and the other side write stays here.',
  'thread.back': 'Back to conversations',
  'thread.empty': 'No messages yet.',
  'thread.empty.more': 'Write the first one below.',
  'thread.missing': 'This conversation does not exist, or it is not yours.',
  'system.opened': '{name} (staff) opened this conversation.',
  'locked.title': 'This conversation is not yours',
  'locked.why': 'You may open it for a while if you need to. Say why: it is recorded, and the people in it are told that you opened it.',
  'locked.reason': 'Your reason',
  'locked.open': 'Open it',
  'locked.short': 'Please give a reason of 10 to 500 characters.',
  'locked.failed': 'That did not work. Please try again.',
  'thread.failed': 'The messages could not be loaded.',
  'thread.loading': 'Loading messages',
  'thread.older': 'Show older messages',
  'thread.start': 'The conversation begins here',
  'thread.unread': 'New',
  'thread.jump': {
    one: 'One new message',
    other: '{n} new messages',
  },
  'thread.latest': 'To the latest message',
  'thread.alone': 'A doctor will be with you soon',
  'thread.log': 'Messages with {name}',
  'thread.typing': '{name} is typing',
  'thread.typing.several': '{names} are typing',

  'message.queued': 'Waiting to be sent',
  'message.sending': 'Sending',
  'message.sent': 'Sent',
  'message.read': 'Read',
  'message.failed': 'Not sent.',
  'message.waiting': 'Not sent yet. It will go by itself.',
  'message.retry': 'Try again',
  'message.discard': 'Discard',
  'message.unsupported': 'This message cannot be shown here.',
  'message.refused.422': 'Not sent: the server does not accept this text.',
  'message.refused.413': 'Not sent: this message is too long.',
  'message.refused.403': 'Not sent: you may not write here.',
  'message.refused.404': 'Not sent: this conversation is gone.',

  'composer.label': 'Message to {name}',
  'composer.placeholder': 'Write a message',
  'composer.send': 'Send',
  'composer.left': {
    one: 'One character left',
    other: '{n} characters left',
  },
  'composer.over': {
    one: 'One character too many',
    other: '{n} characters too many',
  },
  'composer.hint': 'Enter sends, Shift+Enter starts a new line',

  'plan.submitted': 'A treatment plan was offered.',
  'plan.accepted': 'The treatment plan was accepted.',
  'plan.rejected': 'The treatment plan was declined.',

  'link.connecting': 'Connecting…',
  'link.connected': 'Connected',
  'link.slow': 'Slow updates',
  'link.slow.more': 'New messages are looked for every {n} seconds. '
    + 'What you write is sent at once.',
  'link.offline': 'Offline',
  'link.offline.more': 'Messages you write are kept here and sent when the '
    + 'connection is back.',
  'link.stalled': 'The server does not answer',
  'link.stalled.more': 'Messages you write are kept here and sent as soon as '
    + 'it does.',
  'link.retry': 'Try now',
};
