// What npm installed, below build/ and not here.

import { createRequire } from "node:module";

const require = createRequire(`${process.env.BROWSER_MODULES}/package.json`);

export const { chromium } = require("playwright-core");
export const axe = require("axe-core");
