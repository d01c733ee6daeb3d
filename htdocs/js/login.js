// SPDX-License-Identifier: Apache-2.0
//
// login.js - the login form works without it; with it, the page speaks the
// reader's language and the cursor stands where it is wanted.

import { otherLanguage, startLanguage, t } from './i18n.js';

startLanguage();
for (const element of document.querySelectorAll('[data-words]')) {
  element.textContent = t(element.dataset.words);
}
document.title = `${t('login.title')} · ${t('app.name')}`;

// The server's sentence is English and says what it is about; other languages
// have the two that matter. One they lack stays as it is.
const error = document.getElementById('login-error');
if (/match our records/.test(error.textContent)) {
  error.textContent = t('login.wrong');
} else if (/^Too many/.test(error.textContent)) {
  error.textContent = t('login.often');
}

const form = document.getElementById('login');
const { email, password, conversation } = form.elements;

const other = document.getElementById('other-language');
const query = new URLSearchParams({ lang: otherLanguage() });
if (conversation.value !== '') {
  query.set('conversation', conversation.value);
}
other.href = `?${query}`;
other.hreflang = otherLanguage();
other.hidden = false;

(email.value === '' ? email : password).focus();
