#!/bin/sh
# Draws the pictures of docs/sound.md again: scripts/pictures.sh [modurust]
set -e
cd "$(dirname "$0")/.."
modurust=${1:-target/release/modurust}
draw() { "$modurust" render -e "$2" --for "$3" --spectrogram "docs/pictures/$1.png"; }
draw saw 'saw(100hz * exp2(phasor(0.25hz) * 6)) * -6db' 4s
draw plain_saw 'lfsaw(100hz * exp2(phasor(0.25hz) * 6)) * -6db' 4s
draw oversampled 'sin(100hz * exp2(phasor(0.25hz) * 6)) >> oversample(4, x => hardclip(4 * x)) * -6db' 4s
draw ladder 'saw(55hz) * 0.5 >> ladder(100hz * exp2(3 - 3 * sin(0.25hz, 0.25)), res: 1.05)' 4s
draw reverb 'noise * ad(impulse(0hz), 0s, 5ms) >> reverb(3s)' 4s
after() { echo "prim.gt(prim.fromint(prim.frame()), $1)"; }
draw freeze "saw(110hz * exp2(phasor(0.5hz))) * (1 - $(after 96000)) * 0.4 >> fft(2048) >> freeze($(after 72000)) >> ifft" 4s
draw pitchshift "tri(330hz * exp2(0.3 * lfsin(0.5hz))) * 0.3 + impulse(4hz) * 0.5 >> pitchshift(7st * $(after 96000))" 4s
draw plate 'noise * ad(impulse(0hz), 0s, 5ms) >> plate(3s)' 4s
