#!/bin/bash

# Takes dashboard/screenshots/*.png: "make screenshots".  They are of a router
# with mock nodes that is at work for some seconds.  The hour before, which the
# charts show, is made up.

set -euo pipefail
cd "$(dirname "$0")/../.."

. t/browser/lib/start.sh

install_deps
start_all
start_mock gpu 4 --type vllm --tokens 90 --pace 24 --models llama-3.1-8b,qwen3-32b
export BROWSER_NODES="${ports[*]}"
free_ports 1
start_router pictures "$free" "llm_router_admin user=admin password=test;"
mkdir -p dashboard/screenshots
BROWSER_ROUTER=http://127.0.0.1:$free node t/browser/screenshots.mjs
