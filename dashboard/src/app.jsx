// The page: who is logged in sees the frame with a view in it, others the
// login.

import { Component } from "preact";
import { useEffect, useState } from "preact/hooks";
import * as events from "./lib/events.js";
import { route } from "./lib/router.js";
import { resume, session } from "./lib/session.js";
import { useStore } from "./lib/store.js";
import { Frame } from "./frame.jsx";
import { ErrorNote, Loading } from "./parts/notes.jsx";
import { Login } from "./views/login.jsx";
import { VIEWS } from "./views/index.js";

export function App() {
  const user = useStore(session);
  const error = useResume();

  useEffect(() => {
    if (!user) return undefined;
    events.start();
    return events.stop;
  }, [user?.username]);

  if (user === null) return <Login />;
  if (user) return <Frame user={user}><View /></Frame>;
  return (
    <main class="waiting">
      {error ? <ErrorNote error={error} retry={() => location.reload()} />
             : <Loading />}
    </main>
  );
}

// asks who is logged in; gives what went wrong
function useResume() {
  const [error, setError] = useState(null);

  useEffect(() => { resume().catch(setError); }, []);
  return error;
}

function View() {
  const { view, id, query } = useStore(route);
  const found = VIEWS.find((one) => one.name === view) ?? VIEWS[0];

  useArrival(found);

  return (
    <Guard key={found.name}>
      <found.View id={id} query={query} />
    </Guard>
  );
}

// A new view begins at its top, and its heading is where the keyboard is.
function useArrival(found) {
  const [first] = useState(found.name);
  const [moved, setMoved] = useState(false);

  useEffect(() => {
    document.title = `${found.title} – LLM router`;
    if (!moved && found.name === first) return;
    setMoved(true);
    scrollTo(0, 0);
    document.querySelector("h1")?.focus({ preventScroll: true });
  }, [found.name]);
}

// A fault of the page itself: what is around it still works.
class Guard extends Component {
  componentDidCatch(error) {
    console.error(error);
    this.setState({ error });
  }

  render({ children }, { error }) {
    if (!error) return children;
    return (
      <ErrorNote error={{ message: `This view has a fault: ${error.message}` }}
                 retry={() => this.setState({ error: null })} />
    );
  }
}
