// Loaded first and blocking, for Gradio reads the browser's language when it starts.
(() => {
  const language = document.documentElement.lang;
  for (const [name, value] of [["language", language], ["languages", [language]]]) {
    Object.defineProperty(navigator, name, { get: () => value, configurable: true });
  }

  const show = (form, message) => {
    const place = form.querySelector("[role=alert]");
    if (place) place.textContent = message;
    else window.alert(message);
  };

  // Every form is sent as JSON; the answer says where to go or what is wrong. One that
  // only asks for a page is the browser's own.
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.method === "get") return;
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    // The token of the one-time link stands behind its #.
    if (form.elements.token) form.elements.token.value = location.hash.slice(1);
    try {
      const answer = await fetch(form.action, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(Object.fromEntries(new FormData(form))),
      });
      const { location: next, message } = await answer.json();
      if (next) location.assign(next);
      else show(form, message);
    } catch {
      show(form, form.dataset.offline);
    }
    button.disabled = false;
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-language]");
    if (!button) return;
    const year = 365 * 24 * 3600;
    document.cookie =
      `lang=${button.dataset.language}; Path=/; Max-Age=${year}; SameSite=Lax`;
    location.reload();
  });

  // A session that ended while its page was open; leaving twice would abort the first.
  let leaving = false;
  const fetchFromGradio = window.fetch;
  window.fetch = async (...request) => {
    const answer = await fetchFromGradio(...request);
    if (answer.status === 401 && answer.url.includes("/gradio_api/") && !leaving) {
      leaving = true;
      location.assign("/login/");
    }
    return answer;
  };
})();
