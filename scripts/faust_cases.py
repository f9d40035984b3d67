#!/usr/bin/env python3
"""Draws cases for tests/tests/faust.rs: functions of Faust's libraries with parameters of chance, answered in double precision.

    scripts/faust_cases.py [--seed N] [--each N] [--frames N] [--only FAMILY] FOLDER

Needs `faust` and a C++ compiler. Writes FOLDER/cases.txt and one file of doubles a case; the head of cases.txt says what
its columns mean. `FAUST_CASES=FOLDER cargo test -p modurust-tests --test faust` compares the library with them.
"""

import argparse, math, pathlib, random, struct, subprocess, tempfile

RATE = 48000

MAIN = r"""
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>
#define FAUSTFLOAT double
struct Meta { void declare(const char*, const char*) {} };
struct dsp { virtual ~dsp() {} };
struct UI { void openVerticalBox(const char*) {} void closeBox() {} };
<<includeIntrinsic>>
<<includeclass>>
int main(int, char** argv) {
  int n = atoi(argv[1]);
  mydsp d;
  d.init(%d);
  std::vector<std::vector<double>> in(d.getNumInputs(), std::vector<double>(n)), out(d.getNumOutputs(), std::vector<double>(n));
  std::vector<double*> from, to;
  for (size_t k = 0; k < in.size(); k++) in[k][0] = 1.0 / (k + 1);
  for (auto& x : in) from.push_back(x.data());
  for (auto& x : out) to.push_back(x.data());
  d.compute(n, from.data(), to.data());
  for (int i = 0; i < n; i++) for (auto& x : out) fwrite(&x[i], 8, 1, stdout);
}
""" % RATE

HEAD = """\
# Answers of Faust %s in double precision at 48 kHz, drawn by scripts/faust_cases.py with seed %d; input k has an impulse of 1/(k+1).
# name | frames | outputs | tolerance, relative to the peak | expression in Faust | expression in Modu, whose left (and right) side they are
"""

# A wave that both languages make alike: a saw of 441 samples a period, loud for half of 2205.
WAVE_F = "(float(ba.time % 441) / 441 * 2 - 1) * (0.05 + 0.9 * (ba.time % 2205 < 1102))"
WAVE_M = ("(mod(prim.fromint(prim.frame()), 441) / 441 * 2 - 1)"
          " * (0.05 + 0.9 * (mod(prim.fromint(prim.frame()), 2205) < 1102))")


def number(x):
    return f"{x:.6g}"


class Draw:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def log(self, low, high):
        return float(number(math.exp(self.r.uniform(math.log(low), math.log(high)))))

    def lin(self, low, high):
        return float(number(self.r.uniform(low, high)))

    def whole(self, low, high):
        return self.r.randint(low, high)

    def pick(self, *of):
        return self.r.choice(of)


def hard(low_hz=1e9, q=0):
    """1e-5, or 1e-4 where the filter is narrow or low."""
    return 1e-4 if low_hz < 100 or q > 10 else 1e-5


def lowpass(d):
    n, f = d.whole(1, 8), d.log(20, 20000)
    side = d.pick(("lowpass", "lp"), ("highpass", "hp"))
    return 1, hard(f), f"fi.{side[0]}({n},{f})", f"impulse(0hz) >> butter_{side[1]}({f}hz, order: {n})"


def band(name, ours, halves):
    def case(d):
        n, low = d.whole(1, halves), d.log(20, 10000)
        high = min(float(number(low * d.log(1.3, 8))), 20000)
        tolerance = 1e-4 if low < 100 or math.sqrt(low * high) / (high - low) > 2 else 1e-5
        return 1, tolerance, f"fi.{name}({n},{low},{high})", f"impulse(0hz) >> {ours}({low}hz, {high}hz, order: {2 * n})"
    return case


def svf(d):
    f, q, db = d.log(20, 20000), d.log(0.2, 30), d.lin(-18, 18)
    kind = d.pick("lp", "hp", "bp", "notch", "peak", "ap", "bell", "ls", "hs")
    ours = {"ls": "lowshelf", "hs": "highshelf"}.get(kind, kind)
    if kind in ("bell", "ls", "hs"):
        return (1, hard(f, q), f"fi.svf.{kind}({f},{q},{db})", f"impulse(0hz) >> svf({f}hz, q: {q}, gain: {db}db).{ours}")
    return 1, hard(f, q), f"fi.svf.{kind}({f},{q})", f"impulse(0hz) >> svf({f}hz, q: {q}).{ours}"


def peak_eq(d):
    db, f, q = d.lin(-18, 18), d.log(60, 12000), d.log(0.3, 8)
    w = 2 * math.pi * f / RATE
    ours = math.sin(w) / (math.pi * f / q / RATE) / 10 ** (abs(db) / 40)
    return 1, 1e-5, f"fi.peak_eq_cq({db},{f},{q})", f"impulse(0hz) >> peak({f}hz, q: {ours:.9g}, gain: {db}db)"


def comb(d):
    n, g = d.whole(2, 900), d.lin(-0.99, 0.99)
    kind = d.pick("fb", "ff", "ap", "fcomb")
    if kind == "fb":
        return 1, 1e-5, f"fi.fb_comb(1024,{n},1,{-g:.6g})", f"(impulse(0hz) >> comb_fb({n}smp, {g}))'"
    if kind == "ff":
        return 1, 1e-5, f"fi.ff_comb(1024,{n},1,{g})", f"impulse(0hz) >> comb_ff({n}smp, {g})"
    if kind == "ap":
        return 1, 1e-5, f"fi.allpass_comb(1024,{n},{-g:.6g})", f"impulse(0hz) >> allpass({n}smp, {g})"
    t = d.lin(3, 900)
    return 1, 1e-5, f"fi.fb_fcomb(1024,{t},1,{-g:.6g})", f"(impulse(0hz) >> comb_lp({t}smp, {g}))'"


def delay(d):
    t = d.pick(d.lin(0, 3), d.lin(1, 100), d.lin(100, 2000))
    return 1, 1e-5, f"de.fdelay(4096,{t})", f"impulse(0hz) >> delay({t}smp)"


def dcblock(d):
    if d.pick(True, False):
        return 1, 1e-5, "fi.dcblocker", "impulse(0hz) >> dcblock"
    return 1, 1e-5, f"{WAVE_F} : fi.dcblocker", f"{WAVE_M} >> dcblock"


def smooth(d):
    t = d.log(0.0005, 0.5)
    return 1, 1e-5, f"{WAVE_F} : si.smooth(ba.tau2pole({t}))", f"{WAVE_M} >> smooth({t}s)"


def follow(d):
    a, r = d.log(0.0002, 0.05), d.log(0.005, 0.5)
    return 1, 1e-5, f"{WAVE_F} : an.amp_follower_ud({a},{r})", f"{WAVE_M} >> follow({a}s, {r}s)"


def adsr(d):
    a, k, s, r = d.pick(0, d.log(0.0005, 0.05)), d.log(0.001, 0.05), d.lin(0, 1), d.log(0.002, 0.05)
    gate = d.pick(1201, d.whole(50, 1500))
    return (1, 1e-5, f"en.adsr({a},{k},{s},{r},(ba.time<{gate}))",
            f"adsr(prim.fromint(prim.frame()) < {gate}, {a}s, {k}s, {s}, {r}s)")


def freeverb(d):
    room, damp = d.lin(0, 1), d.lin(0, 1)
    args = f"{0.7 + 0.28 * room:.9g},0.5,{0.4 * damp:.9g},23"
    if d.pick(True, False):
        return (1, 1e-4, f"re.mono_freeverb({args})", f"(impulse(0hz) >> freeverb({room}, damp: {damp}))[1] * 5")
    return (2, 1e-4, f"re.stereo_freeverb({args})",
            f"impulse(0hz) * [1, 0.5] >> freeverb({room}, damp: {damp}) * 10")


def zita(d):
    pre, cross, damp, low, mid = d.whole(0, 60), d.log(50, 1000), d.log(1500, 12000), d.lin(0.5, 8), d.lin(0.5, 8)
    return (2, 1e-4, f"re.zita_rev1_stereo({pre},{cross},{damp},{low},{mid},48000)",
            f"impulse(0hz) * [1, 0.5] >> zita({pre}ms, {cross}hz, {damp}hz, {low}s, {mid}s)")


def comp(d):
    ratio, db, a, r = d.lin(1, 20), d.lin(-50, 0), d.log(0.0002, 0.1), d.log(0.005, 0.5)
    return (1, 1e-3, f"{WAVE_F} : co.compressor_mono({ratio},{db},{a},{r})",
            f"{WAVE_M} >> comp({db}db, ratio: {ratio}, attack: {a}s, release: {r}s)")


def cubic(d):
    drive, offset = d.lin(0, 1), d.lin(-1, 1)
    return 1, 1e-5, f"{WAVE_F} : ef.cubicnl({drive},{offset})", f"{WAVE_M} >> cubic({drive}, {offset})"


def moog(d):
    res, f = d.lin(0, 0.95), d.log(50, 4000)
    return 1, 1e-4, f"ve.moog_vcf({res},{f})", f"impulse(0hz) >> moog_vcf({f}hz, res: {res})"


FAMILIES = {
    "lowpass": lowpass,
    "bandpass": band("bandpass", "butter_bp", 4),
    "bandstop": band("bandstop", "butter_bs", 1),
    "svf": svf, "peak_eq": peak_eq, "comb": comb, "delay": delay, "dcblock": dcblock, "smooth": smooth, "follow": follow,
    "adsr": adsr, "freeverb": freeverb, "zita": zita, "comp": comp, "cubic": cubic, "moog": moog,
}


def answer(expression, frames):
    """What Faust's function answers, as bytes of doubles, cut where all that follows is nothing beside the rest."""
    with tempfile.TemporaryDirectory() as at:
        at = pathlib.Path(at)
        (at / "main.cpp").write_text(MAIN)
        (at / "f.dsp").write_text(f'import("stdfaust.lib");\nprocess = {expression};\n')
        subprocess.run(["faust", "-double", "-a", "main.cpp", "f.dsp", "-o", "f.cpp"], cwd=at, check=True)
        subprocess.run(["c++", "-O1", "-o", "f", "f.cpp"], cwd=at, check=True)
        return subprocess.run([at / "f", str(frames)], check=True, stdout=subprocess.PIPE).stdout


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--each", type=int, default=2)
    ask.add_argument("--frames", type=int, default=2400)
    ask.add_argument("--only", action="append")
    ask.add_argument("folder", type=pathlib.Path)
    args = ask.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    version = subprocess.run(["faust", "--version"], stdout=subprocess.PIPE, text=True).stdout.split()[2]
    lines = []
    for family, case in FAMILIES.items():
        if args.only and family not in args.only:
            continue
        for k in range(args.each):
            outputs, tolerance, theirs, ours = case(Draw(f"{args.seed} {family} {k}"))
            data = answer(theirs, args.frames)
            samples = struct.unpack(f"<{len(data) // 8}d", data)
            quiet = 1e-6 * max(map(abs, samples))
            last = max((i for i, x in enumerate(samples) if abs(x) > quiet), default=0)
            kept = min(args.frames, last // outputs + 2)
            name = f"{family}_{k}"
            (args.folder / f"{name}.f64").write_bytes(data[: kept * outputs * 8])
            lines.append(f"{name} | {kept} | {outputs} | {tolerance:g} | {theirs} | {ours}\n")
    (args.folder / "cases.txt").write_text(HEAD % (version, args.seed) + "".join(lines))


main()
