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

const other = document.getElementById('other-language');
other.href = `?lang=${otherLanguage()}`;
other.hreflang = otherLanguage();
other.hidden = false;

const { email, password } = document.getElementById('login').elements;
(email.value === '' ? email : password).focus();
