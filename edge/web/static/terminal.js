// A terminal's code may stand behind the #, which no browser sends and no log sees; it is used when
// somebody presses the button.
const code = new URLSearchParams(location.hash.slice(1)).get("code");
if (code) {
  document.getElementById("code").value = code;
  history.replaceState(null, "", location.pathname);
}
