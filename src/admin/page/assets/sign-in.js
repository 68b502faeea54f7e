// The code of the link stands behind `#`, which no server sees: it is taken out of the address, and posted.
"use strict";
const code = location.hash.slice(1);
const form = document.getElementById("sign-in");
if (form && code) {
  history.replaceState(null, "", location.pathname + location.search);
  form.elements.code.value = code;
  form.submit();
}
