<CsoundSynthesizer>
<CsInstruments>
sr = 48000
ksmps = 64
nchnls = 1
0dbfs = 1
instr 1
khold lfo 1, 0.5, 3
asaw vco2 0.3, 110
fsaw pvsanal asaw, 1024, 256, 1024, 1
fheld pvsfreeze fsaw, khold, khold
out pvsynth(fheld)
endin
</CsInstruments>
<CsScore>
i1 0 $SECONDS
</CsScore>
</CsoundSynthesizer>
