// What is around each view: navigation, banners, messages.

import { useEffect, useState } from "preact/hooks";
import { get } from "./lib/api.js";
import { href, route } from "./lib/router.js";
import { logout } from "./lib/session.js";
import { useStore } from "./lib/store.js";
import { nextTheme, theme } from "./lib/theme.js";
import { Banners } from "./parts/banners.jsx";
import { Icon } from "./parts/icon.jsx";
import { Toast } from "./parts/toast.jsx";
import { VIEWS } from "./views/index.js";

export function Frame({ user, children }) {
  return (
    <div class="frame">
      <a class="skip" href="#content" onClick={skip}>Skip to the content</a>
      <header class="side">
        <a class="brand" href={href("overview")}>
          <Mark /> <span>LLM router</span>
        </a>
        <Navigation />
        <Account user={user} />
      </header>
      <main class="main" id="content" tabIndex={-1}>
        <Banners />
        {children}
      </main>
      <Toast />
    </div>
  );
}

// the hash is the route's, so the link can't be a plain one
function skip(event) {
  event.preventDefault();
  document.getElementById("content").focus();
}

function Navigation() {
  const now = useStore(route).view;

  return (
    <nav class="nav" aria-label="Views">
      {VIEWS.map(({ name, title, short }) => (
        <a key={name} href={href(name)}
           aria-current={name === now ? "page" : undefined}>
          <Icon name={name} />
          <span class="nav-long">{title}</span>
          <span class="nav-short" aria-hidden="true">{short ?? title}</span>
        </a>
      ))}
    </nav>
  );
}

function Account({ user }) {
  return (
    <div class="account">
      <p class="who">
        <span class="who-name">{user.username}</span>
        <span class="quiet">{user.role}</span>
      </p>
      <div class="account-buttons">
        <ThemeButton />
        <button type="button" class="plain" onClick={() => logout()
          .catch(() => {})}>
          <Icon name="leave" /> <span class="account-word">Log out</span>
        </button>
      </div>
      <Version />
    </div>
  );
}

export function ThemeButton() {
  const now = useStore(theme);

  return (
    <button type="button" class="plain" onClick={nextTheme}
            title="Automatic, light or dark">
      <Icon name="theme" />
      <span class="account-word">
        <span class="visually-hidden">Theme: </span>{now}
      </span>
    </button>
  );
}

function Version() {
  const [version, setVersion] = useState(null);

  useEffect(() => {
    get("/version", "version").then((json) => setVersion(json.version))
      .catch(() => {});
  }, []);

  return version && <p class="version quiet">Version {version}</p>;
}

export function Mark() {
  return <img class="mark" src="favicon.svg" alt="" width="28" height="28" />;
}
