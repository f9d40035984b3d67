#!/bin/sh
# Takes the pictures of docs/images anew, in a window on a virtual screen: `sh scripts/screens.sh`.
#
# It needs Xvfb and Mesa's software renderer (`sh scripts/setup.sh test` installs both); MODURUST names the program, by default the one
# in target/release.
set -eu
cd "$(dirname "$0")/.."
modurust=${MODURUST:-target/release/modurust}
command -v Xvfb >/dev/null || { echo "there is no Xvfb: sh scripts/setup.sh test" >&2; exit 3; }
scratch=$(mktemp -d)
Xvfb -displayfd 3 -screen 0 1920x1080x24 -nolisten tcp 3>"$scratch/display" >/dev/null 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$scratch"' EXIT
while [ ! -s "$scratch/display" ]; do sleep 0.1; done
DISPLAY=:$(cat "$scratch/display")
LIBGL_ALWAYS_SOFTWARE=1
export DISPLAY LIBGL_ALWAYS_SOFTWARE
for size in 1280x720 1920x1080; do
    # A copy, for the history lies beside the file.
    rm -rf "$scratch/set" && mkdir "$scratch/set" && cp examples/live_set.modu "$scratch/set/live_set.modu"
    sed "s|SIZE|$size|g" docs/images/views.script >"$scratch/views.script"
    "$modurust" edit "$scratch/set/live_set.modu" --device null --size "$size" --script "$scratch/views.script"
done
