// Loaded first and blocking, for Gradio reads the browser's language when it starts.
(() => {
  const language = document.documentElement.lang;
  for (const [name, value] of [["language", language], ["languages", [language]]]) {
    Object.defineProperty(navigator, name, { get: () => value, configurable: true });
  }

  const tell = (form, role, message) => {
    const place = form.querySelector(`[role=${role}]`);
    if (place) place.textContent = message;
    else if (message) window.alert(message);
  };

  const send = (address, content) =>
    fetch(address, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(content),
    });

  // A link or a token that is told this once.
  const showSecret = (form, secret) => {
    const field = form.querySelector("[data-secret]");
    field.value = secret;
    field.parentElement.hidden = false;
    field.select();
  };

  // What a form asks for is an address, or it is sent as JSON: then the answer says
  // where to go, or what came of it.
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.method === "get") return;
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    // The token of the one-time link stands behind its #.
    if (form.elements.token) form.elements.token.value = location.hash.slice(1);
    tell(form, "alert", "");
    tell(form, "status", "");
    try {
      const answer = await send(form.action, Object.fromEntries(new FormData(form)));
      const { location: next, message, notice, secret } = await answer.json();
      if (next) location.assign(next);
      else if (!answer.ok) tell(form, "alert", message);
      else {
        for (const field of form.querySelectorAll("[type=password]")) field.value = "";
        tell(form, "status", notice);
        if (secret) showSecret(form, secret);
      }
    } catch {
      tell(form, "alert", form.dataset.offline);
    }
    button.disabled = false;
  });

  const chooseLanguage = async ({ language: chosen, keep }) => {
    const year = 365 * 24 * 3600;
    document.cookie = `lang=${chosen}; Path=/; Max-Age=${year}; SameSite=Lax`;
    if (keep) await send(keep, { language: chosen }).catch(() => undefined);
    location.reload();
  };

  const copy = async (button) => {
    const field = document.getElementById(button.dataset.copy);
    field.select();
    await navigator.clipboard?.writeText(field.value);
    button.textContent = button.dataset.copied;
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.language) chooseLanguage(button.dataset);
    if (button?.dataset.copy) copy(button);
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
