"use strict";
// A convenience on top of a page that works without it: the server checks everything again.
(function () {
  var read = document.getElementById("read");
  var agree = document.getElementById("agree");
  var errors = document.getElementById("errors");
  function follow() { agree.disabled = !read.checked; }
  if (read && agree) {
    read.addEventListener("change", follow);
    window.addEventListener("pageshow", follow);
    follow();
  }
  if (errors && !errors.hidden) { errors.focus(); }
})();
