// The views, in the order of the navigation.

import { History } from "./history.jsx";
import { Keys } from "./keys.jsx";
import { Models } from "./models.jsx";
import { Nodes } from "./nodes.jsx";
import { Overview } from "./overview.jsx";
import { Playground } from "./playground.jsx";

export const VIEWS = [
  { name: "overview", title: "Overview", View: Overview },
  { name: "nodes", title: "Nodes", View: Nodes },
  { name: "models", title: "Models", View: Models },
  { name: "history", title: "Request History", short: "History",
    View: History },
  { name: "keys", title: "API Keys", short: "Keys", View: Keys },
  { name: "playground", title: "Playground", short: "Play",
    View: Playground },
];
