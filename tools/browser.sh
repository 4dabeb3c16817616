#!/usr/bin/env bash
# Sets up the project and what tests/browser needs, then runs those tests; arguments
# are passed on to pytest. Chromium and its driver come from Debian (apt-get, as root).
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/setup.sh"
cd "$root"

if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends chromium chromium-driver
fi
"$python" -m pip install --quiet --disable-pip-version-check --editable '.[browser]'
"$python" -m pytest tests/browser "$@"
