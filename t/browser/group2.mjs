// Tests of how the page looks, and of what it says.

import "./test/playground.mjs";
import "./test/viewer.mjs";
import "./test/stale.mjs";
import "./test/look.mjs";
import "./test/shapes.mjs";
import "./test/delivery.mjs";
