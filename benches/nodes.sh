#!/usr/bin/env bash
# Times every node of the library by itself, and beside C++ that Faust makes of the same function. Writes the section "Nodes" of docs/perf.md.
#
#   [MODURUST=program] [ONLY=regex] [DOC=file] benches/nodes.sh
#
# Needs `faust` and g++ or clang++ for the comparison; the faster of the two counts. Numbers can be turned on both sides. Faust's code
# reads X and G from a buffer that lies ready; in Modu X is a wave and G a square of 2 Hz. What these or a silent output cost by themselves
# is taken off each side. Figures are CPU time, the least of seven seconds.
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
    none=("$(cost "$wave")" "$(cost "$gate")" "$(cost 0)") their=("$(theirs _)" "$(theirs _)" 0)
    grep -v '^#' "$here/nodes/pairs.txt" | grep -E "$only" | while IFS='|' read -r name faust modu mark; do
      case $modu in *X*) kind=0 ;; *G*) kind=1 ;; *) kind=2 ;; esac
      modu=${modu//X/$wave}; modu=${modu//G/$gate}
      [ $kind != 1 ] || faust="\\(G).($faust)"
      a=$(theirs "${faust//X/_}") || { echo "left out, Faust: $name" >&2; continue; }
      b=$(cost "$(sed 's/^ *//; s/ *$//' <<< "$modu")") || { echo "left out: $name" >&2; continue; }
      # Below a twentieth of a nanosecond nothing can be told apart.
      awk -v n="${name% }" -v m="${mark# }" -v a="$a" -v b="$b" -v x="${their[kind]}" -v y="${none[kind]}" \
        'BEGIN { a -= x; b -= y; if (a < 0.05) a = 0.05; if (b < 0.05) b = 0.05; printf "| %s | %s | %.2f | %.2f | %.2f |\n", n, m, a, b, a / b }'
    done | tee "$at/rows"
    awk -F' *[|] *' '$3 == "=" && $6 < 0.5 && $5 - $4 > 0.25 { all = all (all ? ", " : "") $2 }
      END { if (all) printf "\nSlower than twice, by more than a quarter of a nanosecond: %s.\n", all }' "$at/rows"
    echo
  fi
  echo "Every node, by the first example of its documentation (\`modurust bench --nodes\`): \`ns\` is the node with whatever stands behind it, without"
  echo "what feeds it; \`ms\` is from the example's text to code, by a new compiler."
  echo
  echo "| node | ns | example | fed by | ms |"
  echo "|---|---|---|---|---|"
  "$ours" bench --nodes | awk '/ entries of the library / { line = $0; next }
    NR > 1 && NF { printf "| `%s` | %s | %s | %s | %s |\n", $1, $3, $4, $5, $6 }
    END { printf "\n%s (the last line of `modurust bench --nodes`).\n", line }'
} > "$at/nodes.md"

# The section is the last one of the page.
sed '/^## Nodes$/,$d' "$doc" > "$at/page.md"
cat "$at/page.md" "$at/nodes.md" > "$doc"
