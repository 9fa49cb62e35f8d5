// Tests that make requests and change things.

import "./test/login.mjs";
import "./test/overview.mjs";
import "./test/history.mjs";
import "./test/nodes.mjs";
import "./test/models.mjs";
import "./test/keys.mjs";
