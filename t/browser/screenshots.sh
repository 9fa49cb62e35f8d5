#!/bin/bash

# Makes the screenshots of README.md, dashboard/screenshots/*.png, of a router
# that is at work for some seconds.

set -euo pipefail
cd "$(dirname "$0")/../.."

. t/browser/lib/start.sh

install_deps
start_all
mkdir -p dashboard/screenshots
BROWSER_ROUTER=${ROUTERS[0]} node t/browser/screenshots.mjs
ls -l dashboard/screenshots
