import { render } from "preact";
import "./style/index.css";
import "./lib/theme.js";
import { App } from "./app.jsx";

render(<App />, document.getElementById("app"));
