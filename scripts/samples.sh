#!/bin/sh
# Makes the samples of the examples: our own drums, rendered by the program itself.
#
#   scripts/samples.sh [MODURUST]
set -eu
cd "$(dirname "$0")/../examples"
modurust=${1:-../target/release/modurust}
mkdir -p dust
one() { # file, length, expression
  "$modurust" render -e "$3" --for "$2" --rate 22050 --bits 16 -o "$1"
}
strike='impulse() >> follow(0ms, 60ms)'
one dust/bd0.wav 300ms "tr909.bd($strike, 1) >> drive(6db) * 0.7"
one dust/bd1.wav 300ms "tr909.bd($strike, 1, 5) >> fold * 0.7"
one dust/sd.wav 250ms "tr909.sd($strike, 1) >> bitcrush(6)"
one dust/hh.wav 80ms "tr909.hh($strike, 1) >> bitcrush(6)"
cat > break.tmp.modu <<'MODU'
tempo 160bpm
track drums = "bd bd [~ sd] ~ ~ [~ sd] bd [~ sd], hh*8" >> kit('tr909') >> drive(6db) * 0.6 >> limit(-1db)
MODU
"$modurust" render break.tmp.modu --for 1bar --rate 22050 --bits 16 -o amen.wav
rm break.tmp.modu
