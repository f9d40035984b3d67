#!/usr/bin/env bash
# Times every node of the library by itself, and beside C++ that Faust makes of the same function. Writes the section "Nodes" of docs/perf.md.
#
#   [MODURUST=program] [ONLY=regex] [DOC=file] benches/nodes.sh
#
# Needs `faust` and g++ or clang++ for the comparison; the faster of the two counts. Both sides get a wave for X and a square of
# 2 Hz for G, which cost next to nothing, and numbers that can be turned. Figures are CPU time, the least of seven seconds.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd); root=$(dirname "$here")
ours=${MODURUST:-$root/target/release/modurust}; doc=${DOC:-$root/docs/perf.md}; only=${ONLY:-.}
at=$(mktemp -d); trap 'rm -rf "$at"' EXIT
wave='(prim.turn(prim.imul(prim.frame(), prim.toint(178947))) - 0.5)'
gate='lfsquare(2hz)'
cp "$here/nodes/main.cpp" "$at/"

theirs() { # expression in Faust: nanoseconds of the fastest C++
  cat > "$at/f.dsp" <<DSP
import("stdfaust.lib");
p(i, v) = nentry("p%i", v, -100000, 100000, 0.0001);
X = _;
G = os.lf_squarewavepos(2);
process = $1;
DSP
  (cd "$at" && faust -a main.cpp f.dsp -o f.cpp) || return 1
  for compiler in g++ clang++; do
    command -v $compiler > /dev/null && $compiler -O3 -march=native -ffast-math -o "$at/f" "$at/f.cpp" 2> /dev/null && "$at/f"
  done | sort -g | head -1
}
cost() { "$ours" bench --nodes --json -- "$1" | sed -n 's/.*"example_ns":\([0-9.e-]*\).*/\1/p'; }

{
  echo "## Nodes"
  echo
  echo "Written by \`benches/nodes.sh\`. Nanoseconds of CPU time per frame, one channel unless the node has more, everything alone."
  echo
  if command -v faust > /dev/null; then
    echo "Beside C++ that $(faust --version | head -1) makes of the same function, by the faster of g++ and clang++ with"
    echo "\`-O3 -march=native -ffast-math\`; above 1 the library is faster. \`=\` marks functions that give the same numbers, \`~\` those that do"
    echo "the same work in another way: Faust's oscillators alias more or read tables, its filters do not saturate."
    echo "\`benches/nodes/pairs.txt\` has both texts."
    echo
    echo "| node | | Faust | Modurust | x |"
    echo "|---|---|---|---|---|"
    grep -v '^#' "$here/nodes/pairs.txt" | grep -E "$only" | while IFS='|' read -r name faust modu mark; do
      modu=${modu//X/$wave}; modu=${modu//G/$gate}
      a=$(theirs "$faust") || { echo "left out, Faust: $name" >&2; continue; }
      b=$(cost "$(sed 's/^ *//; s/ *$//' <<< "$modu")") || { echo "left out: $name" >&2; continue; }
      awk -v n="${name% }" -v m="${mark# }" -v a="$a" -v b="$b" \
        'BEGIN { printf "| %s | %s | %.2f | %.2f | %.2f |\n", n, m, a, b, (a + 0.05) / (b + 0.05) }'
    done
    echo
  fi
  echo "Every node, by the first example of its documentation (\`modurust bench --nodes\`): \`ns\` is the node with whatever stands behind it, without"
  echo "what feeds it; \`ms\` is from the example's text to code, by a new compiler."
  echo
  echo "| node | ns | example | fed by | ms |"
  echo "|---|---|---|---|---|"
  "$ours" bench --nodes | awk 'NR > 1 { printf "| `%s` | %s | %s | %s | %s |\n", $1, $3, $4, $5, $6 }'
} > "$at/nodes.md"

# The section is the last one of the page.
sed '/^## Nodes$/,$d' "$doc" > "$at/page.md"
cat "$at/page.md" "$at/nodes.md" > "$doc"
