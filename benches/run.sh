#!/usr/bin/env bash
# Measures Modurust and the peers in turn, in one run on one machine, and writes docs/perf.md.
#
#   PEERS=dir [ROUNDS=3] [SECS=20] [OUT=dir] [DOC=file] benches/run.sh [workload ...]
#
# PEERS is a folder with the same work in other systems and a run.sh that prints `system <tab> workload <tab> CPU seconds <tab>
# seconds of audio <tab> CPU per audio` lines. It is copied to OUT and stays as it is; `faust/` and `fundsp/` of this folder are laid
# over the copy. `freeze` is measured from here, in SuperCollider, Csound and fundsp: Faust has no spectra. Every round measures each side once more, and the least figure counts: what disturbs a measurement only adds to it.
# Figures are CPU time, so other programs may run, but a quiet machine is better: they also take the caches.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd); root=$(dirname "$here")
: "${PEERS:?set PEERS to the folder of the peers}"
rounds=${ROUNDS:-3}; secs=${SECS:-20}; out=${OUT:-${TMPDIR:-/tmp}/modurust-bench}; doc=${DOC:-$root/docs/perf.md}
main=(w1 w2 w3 w3b w5 w7 w8); more=(eq organ echoes kit acid midside); voices=(w2_1 w2_4 w2_64)
work=("$@"); [ ${#work[@]} -gt 0 ] || work=("${main[@]}" "${more[@]}" "${voices[@]}" w1_sum poly freeze)
ours=${MODURUST:-$root/target/release/modurust}
[ -n "${MODURUST:-}" ] || (cd "$root" && cargo build --release --package modurust)

mkdir -p "$out/modu" "$out/built"
[ -d "$out/peers" ] || { cp -r "$PEERS" "$out/peers"; chmod -R u+w "$out/peers"; }
cp -p "$here"/faust/*.dsp "$out/peers/faust/"
cp "$here"/*.modu "$out/modu/"
for n in 1 4 64; do sed "s/^n = 16$/n = $n/" "$here/w2.modu" > "$out/modu/w2_$n.modu"; done
mkdir -p "$out/peers/fundsp/src/bin"; cp -p "$here"/fundsp/*.rs "$out/peers/fundsp/src/bin/"
if [ -f "$out/peers/fundsp/Cargo.toml" ] && command -v cargo > /dev/null; then
  (cd "$out/peers/fundsp" && cargo build --release --quiet) || echo "fundsp is left out: it does not build" >&2
fi

# One line a figure: system, workload, CPU per audio, milliseconds to compile.
figures=$out/figures.tsv; json=$out/modurust.json; : > "$figures"; : > "$json"
field() { sed -n "s/.*\"$1\":\([-0-9.e]*\).*/\1/p"; }
modurust() { # name in the table, isa ("" for the machine's own), file
  local line; line=$(MODURUST_ISA=$2 "$ours" bench --json --for "${secs}s" "$out/modu/$3.modu") || return 0
  echo "$1 $line" >> "$json"
  printf '%s\t%s\t%s\t%s\n' "$1" "$3" "$(field ns_per_frame <<< "$line" | awk '{printf "%.7f", $1 * 48e-6}')" \
    "$(field sound_ms <<< "$line")" >> "$figures"
}
peers() { # which systems, workloads among those that are asked for
  local only=$1 w asked=(); shift
  for w; do [[ " ${work[*]} " == *" $w "* ]] && asked+=("$w"); done
  [ ${#asked[@]} -gt 0 ] || return 0
  SECS=$secs REPS=1 ONLY=$only OUT=$out/built "$out/peers/run.sh" "${asked[@]}" 2>> "$out/peers.log" | awk -F'\t' -v OFS='\t' '
    NF >= 5 { ms = ""; if (match($6, /compile_cpu_ms /)) ms = substr($6, RLENGTH + RSTART); print $1, $2, $5, ms }' >> "$figures"
}
# Two minutes each, so that starting counts for little.
long=120
spent() { # system, command and arguments
  local system=$1 TIMEFORMAT=%3U cpu; shift
  cpu=$({ time "$@" > /dev/null 2>> "$out/peers.log" < /dev/null; } 2>&1) || { echo "freeze is left out: $system" >&2; return 0; }
  awk -v s="$system" -v c="$cpu" -v a=$long 'BEGIN { printf "%s\tfreeze\t%.7f\t\n", s, c / a }' >> "$figures"
}
score=$out/built/freeze.osc
if [[ " ${work[*]} " == *" freeze "* ]] && command -v sclang > /dev/null; then
  # Without a screen, and not for ever: on an error sclang waits for someone to type.
  QT_QPA_PLATFORM=offscreen QTWEBENGINE_CHROMIUM_FLAGS=--no-sandbox QTWEBENGINE_DISABLE_SANDBOX=1 \
    timeout 100 sclang "$here/supercollider/freeze.scd" "$score" $long < /dev/null >> "$out/peers.log" 2>&1 || true
fi
freezes() {
  local wave=$out/built/freeze.wav fundsp=$out/peers/fundsp/target/release/freeze
  [ ! -f "$score" ] || spent supercollider scsynth -N "$score" _ "$wave" 48000 WAV float -o 1 -z 64 -m 65536 \
    -U "${SCPLUG:-/usr/lib/SuperCollider/plugins}"
  ! command -v csound > /dev/null || spent csound csound -n -d -m0 --smacro:SECONDS=$long "$here/csound/freeze.csd"
  [ ! -x "$fundsp" ] || spent fundsp "$fundsp" $long
  rm -f "$wave"
}
for round in $(seq "$rounds"); do
  echo "round $round of $rounds" >&2
  peers . "${main[@]}"
  peers '^faust' "${more[@]}"
  # A C++ compiler takes minutes for 64 voices.
  peers jit "${voices[@]}"
  [[ " ${work[*]} " != *" freeze "* ]] || freezes
  for w in "${work[@]}"; do
    modurust modurust "" "$w"
    modurust modurust-128 128 "$w"
  done
done

processor=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2> /dev/null | head -1)
family=$(sed -n 's/^\(cpu family\|model\)[^:]*: //p' /proc/cpuinfo 2> /dev/null | head -2 | paste -sd/)
isa=$(grep '^modurust ' "$json" | head -1 | sed -n 's/.*"isa":"\([^"]*\)".*/\1/p')
version() { # command and arguments
  local said; said=$("$@" 2>&1 || true); said=$(grep -oE '[0-9]+\.[0-9]+(\.[0-9]+)?' <<< "$said" || true)
  echo "${said%%$'\n'*}"
}
{
  cat << HEAD
# Speed

Written by \`PEERS=dir benches/run.sh\`: the work of \`benches/\` in Modurust and in other systems, measured in turn in one run,
on one core, at 48 kHz in blocks of 64 frames. Figures are seconds of CPU time per second of audio, the least of
$rounds rounds; a ratio above 1 says how many times faster Modurust is. Figures of other machines differ: compare ratios.

Machine: ${processor:-unknown} (family/model ${family:-unknown}), $(uname -sm). Modurust: $isa, and forced to 128 bits.
Peers: Faust $(version faust --version) by LLVM just in time, and as C++ by g++ $(version g++ -dumpfullversion) and clang \
$(version clang++ --version) with \`-O3 -march=native -ffast-math\`, scalar and \`-vec\`; SuperCollider $(version scsynth -v),
Csound $(version csound --version), ChucK, fundsp 0.23. \`headroom\` is hand-packed C++ of 4, 8 and 16 lanes: what the machine
allows, and no peer.
HEAD
  awk -F'\t' -v main="${main[*]}" -v more="${more[*]}" -v all="${work[*]}" '
    function least(s, w) { return ((s, w) in cpu) ? cpu[s, w] : 0 }
    function show(x) { return x ? sprintf("%.5f", x) : "" }
    function times(x) { return x ? sprintf("%.2f", x) : "" }
    function mean(column, set,    i, n, k, sum, names) {
      n = split(set, names, " ")
      for (i = 1; i <= n; i++) if (ratio[column, names[i]]) { sum += log(ratio[column, names[i]]); k++ }
      return k ? sprintf("%.2f", exp(sum / k)) : "" }
    function least_of(column, set,    i, n, low, names) {
      n = split(set, names, " ")
      for (i = 1; i <= n; i++) if (ratio[column, names[i]] && (!low || ratio[column, names[i]] < low)) low = ratio[column, names[i]]
      return times(low) }
    $3 > 0 { if (!(($1, $2) in cpu) || $3 < cpu[$1, $2]) cpu[$1, $2] = $3
             if ($4 != "" && (!(($1, $2) in ms) || $4 < ms[$1, $2])) ms[$1, $2] = $4
             if (!($1 in seen)) { seen[$1] = 1; systems[++count] = $1 } }
    END {
      n = split(all, work, " ")
      print "\n## Against Faust and the best peer\n"
      print "| workload | Modurust | 128 bits | faust-jit | best peer | its name | x faust-jit | 128 bits x faust-jit | x best peer |"
      print "|---|---|---|---|---|---|---|---|---|"
      for (i = 1; i <= n; i++) { w = work[i]; best = 0; name = ""
        for (j = 1; j <= count; j++) { s = systems[j]
          if (s ~ /^(modurust|headroom)/ || !least(s, w)) continue
          if (!best || least(s, w) < best) { best = least(s, w); name = s } }
        if (!best) continue
        us = least("modurust", w); narrow = least("modurust-128", w); jit = least("faust-jit", w)
        if (us && jit) ratio["jit", w] = jit / us
        if (narrow && jit) ratio["narrow", w] = jit / narrow
        if (us) ratio["best", w] = best / us
        printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", w, show(us), show(narrow), show(jit), show(best), name,
          times(ratio["jit", w]), times(ratio["narrow", w]), times(ratio["best", w]) }
      split("jit narrow best", column, " "); split("w1 to w8;the others", title, ";"); split(main ";" more, set, ";")
      for (i = 1; i <= 2; i++) {
        means = "| geometric mean of " title[i] " | | | | | |"; lows = "| worst of " title[i] " | | | | | |"
        for (j = 1; j <= 3; j++) {
          means = means " " mean(column[j], set[i]) " |"; lows = lows " " least_of(column[j], set[i]) " |" }
        print means; print lows }
      print "\n## Every system\n"
      line = "| system |"; rule = "|---|"
      for (i = 1; i <= n; i++) { line = line " " work[i] " |"; rule = rule "---|" }
      print line; print rule
      for (j = 1; j <= count; j++) { line = "| " systems[j] " |"
        for (i = 1; i <= n; i++) line = line " " show(least(systems[j], work[i])) " |"
        print line }
      print "\n## From text to sound\n"
      print "Milliseconds of CPU time from source text to the first block.\n"
      print "| workload | Modurust | faust-jit | x |"; print "|---|---|---|---|"
      for (i = 1; i <= n; i++) { w = work[i]; a = ms["modurust", w]; b = ms["faust-jit", w]
        if (a) printf "| %s | %.2f | %s | %s |\n", w, a, b ? sprintf("%.0f", b) : "", b ? sprintf("%.0f", b / a) : "" }
    }' "$figures"
  echo
  echo "## Patterns"
  echo
  echo "All that is not sound (patterns, launches, tempo, lanes, voices) for 64 frames, as a share of their 1.333 ms: \`modurust bench benches/dense.modu\`."
  echo
  echo "| workload | us | % |"
  echo "|---|---|---|"
  for w in dense set poly; do
    line=$("$ours" bench --json --for "${secs}s" "$here/$w.modu")
    printf '| %s | %.2f | %.3f |\n' "$w" "$(field events_us <<< "$line")" "$(field events_percent <<< "$line")"
  done
  echo
  echo "## Modurust alone"
  echo
  echo "As \`modurust bench\` says it: milliseconds of CPU time; \`cold\` (text to program in a new process) is by the wall clock, and so is \`worst block\`, a multiple of the middle one."
  echo
  echo "| workload | cold | one number | made code | one stage in a track | swap | worst block | nodes | code, bytes | ns per frame by sounding voices | by sounding tracks |"
  echo "|---|---|---|---|---|---|---|---|---|---|---|"
  grep '^modurust ' "$json" | awk '{ f = $0; sub(/.*"file":"/, "", f); sub(/".*/, "", f); sub(/.*\//, "", f); last[f] = $0; if (!(f in at)) { at[f] = ++n; name[n] = f } }
    function get(line, key,    v) { v = line; if (!sub(".*\"" key "\":", "", v)) return ""; sub(/[,}].*/, "", v); return v }
    function ms(line, key,    v) { v = get(line, key); return v == "null" || v == "" ? "" : sprintf("%.2f", v) }
    function costs(line, key,    s) { s = line; sub(".*\"" key "\":\\[", "", s); sub(/\],"[a-z].*/, "", s); gsub(/\],\[/, "; ", s); gsub(/[][]/, "", s)
      gsub(/,/, ": ", s); gsub(/\.[0-9]+/, "", s); return s }
    END { for (i = 1; i <= n; i++) { l = last[name[i]]; w = name[i]; sub(/\.modu$/, "", w)
      printf "| %s | %s | %s | %s | %s | %s | %.1f | %s | %s | %s | %s |\n", w, ms(l, "compile_cold_ms"), ms(l, "number_ms"), get(l, "number_code") == "true" ? "yes" : "no",
        ms(l, "track_ms"), ms(l, "swap_ms"), get(l, "worst_block"), get(l, "nodes"), get(l, "code_bytes"), costs(l, "sounding"), costs(l, "tracks") } }'
  echo
  cat "$here/notes.md"
  echo
  echo "## Edits of a long set"
  echo
  echo "What an edit takes until the graph of the whole set is there, by \`modurust bench --edit\` (a release build): milliseconds of CPU time, least,"
  echo "middle and worst of 24 edits of a kind, none of which was seen before; by stages the middle ones. A change of a number that eleven tracks"
  echo "share, or of a function that they call, elaborates eleven tracks."
  echo
  echo '```text'
  "$ours" bench --edit
  echo '```'
} > "$out/perf.md"
# The section of nodes.sh stays.
sed -n '/^## Nodes$/,$p' "$doc" > "$out/nodes.md"
{ echo; cat "$out/nodes.md"; } >> "$out/perf.md"
cp "$out/perf.md" "$doc"
cat "$out/perf.md"
