// The edge starts anew, or its process is gone: this page looks until it is back.
setInterval(async () => {
  try {
    const answer = await fetch(location.href, { credentials: "same-origin" });
    if (answer.status !== 503) location.reload();
  } catch {
    // Not yet.
  }
}, 2000);
