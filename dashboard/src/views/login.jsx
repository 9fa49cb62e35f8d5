// Name and password.

import { useEffect, useRef, useState } from "preact/hooks";
import { login } from "../lib/session.js";
import { Mark, ThemeButton } from "../frame.jsx";
import { ErrorNote } from "../parts/notes.jsx";

export function Login() {
  const name = useRef(null);
  const password = useRef(null);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    document.title = "Log in – LLM router";
    name.current.focus();
  }, []);

  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await login(name.current.value, password.current.value);
    } catch (problem) {
      setError(explain(problem));
      setBusy(false);
      password.current.select();
    }
  };

  return (
    <main class="login">
      <form class="card login-card form" onSubmit={submit}>
        <p class="login-brand"><Mark /> LLM router</p>
        <h1>Log in</h1>
        {error && <ErrorNote key={error.at} error={error} />}
        <div class="field">
          <label for="username">User name</label>
          <input id="username" ref={name} autocomplete="username" required
                 autocapitalize="none" spellcheck={false} />
        </div>
        <div class="field">
          <label for="password">Password</label>
          <input id="password" ref={password} type="password" required
                 autocomplete="current-password" />
        </div>
        <button type="submit" class="primary wide" disabled={busy}>
          {busy ? "Logging in…" : "Log in"}
        </button>
      </form>
      <div class="login-foot"><ThemeButton /></div>
    </main>
  );
}

// the same message twice is read out twice
function explain(error) {
  const at = Date.now();

  if (error.code === "invalid_credentials") {
    return { at, message: "Wrong user name or password" };
  }
  return { at, message: error.message, code: error.code,
           status: error.status, retryAfter: error.retryAfter };
}
