"""Plays Modurust from other programs, as a user would, and measures what comes of it.

    python3 scripts/outside.py [--modurust target/release/modurust] [--minutes 10] [CHECK ..]

Without names all checks run, one after another; every one prints a line with what was found, and the command fails if one of them did not
find what it should. Nothing of Modurust is linked in here: sound and MIDI go through a JACK server without hardware that is started for it, OSC
comes from `oscsend`, python-osc and sclang, clocks from Ardour and `jack_midi_clock` and go to `jack_midi_dump`. Needed are, on Debian, jackd2
liblo-tools jack-midi-clock ardour supercollider-language flac, a `modurust` that was built with `--features jack`, and a Python with what others wrote:

    python3 -m venv target/outside && target/outside/bin/pip install python-osc==1.10.2 JACK-Client==0.5.7 numpy
"""

import argparse
import contextlib
import gc
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jack
import numpy
from pythonosc import osc_bundle_builder, osc_message_builder
from pythonosc.udp_client import SimpleUDPClient

RATE = 48_000
PERIOD = 128
# The limiter looks ahead by so much; everything that is heard comes later by it, always the same.
LIMITER = 72
SERVER = f"outside{os.getpid()}"
os.environ.update(JACK_DEFAULT_SERVER=SERVER, JACK_NO_START_SERVER="1")


class Wrong(Exception):
    """Something was not found as it should be."""


def must(right, what):
    if not right:
        raise Wrong(what)


def wait(what, found, seconds=20.0):
    end = time.monotonic() + seconds
    while True:
        result = found()
        if result:
            return result
        must(time.monotonic() < end, f"{what} did not happen in {seconds:.0f} s")
        time.sleep(0.01)


def run(*command, **more):
    return subprocess.run(command, check=False, capture_output=True, text=True, **more)


@contextlib.contextmanager
def process(*command, **more):
    """A program that ends with the block; it is interrupted, as by Ctrl-C, and waited for."""
    child = subprocess.Popen(command, text=True, **more)
    try:
        yield child
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


@contextlib.contextmanager
def server():
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for way in (["-R", "-P", "20"], ["-r"]):
        jackd = ["jackd", "-S", *way, "-n", SERVER, "-d", "dummy", "-r", str(RATE), "-p", str(PERIOD), "-C", "2", "-P", "2"]
        with process(*jackd, **quiet):
            if run("jack_wait", "-s", SERVER, "-w", "-t", "10").returncode == 0:
                yield " ".join(jackd)
                return
    raise Wrong("there is no JACK server")


class Ears:
    """A client that listens: the sound and the MIDI it hears, and the frames of the server at which that was."""

    def __init__(self, stack, seconds, name="ears", source="modurust:out_1"):
        stack.callback(self.close)
        self.client = jack.Client(name, no_start_server=True)
        self.port = self.client.inports.register("in")
        self.midi = self.client.midi_inports.register("midi_in")
        self.sound = numpy.zeros(int(seconds * RATE), numpy.float32)
        self.messages = []
        self.first = self.end = None
        self.gaps = 0
        self.client.set_process_callback(self.hear)
        self.client.activate()
        wait(f"a port {source}", lambda: run("jack_connect", source, f"{name}:in").returncode == 0)

    def hear(self, frames):
        now = self.client.last_frame_time
        if self.first is None:
            self.first = self.end = now
        self.gaps += now != self.end
        at = now - self.first
        heard = self.port.get_array()
        room = self.sound[at : at + frames]
        room[:] = heard[: len(room)]
        self.messages += [(now + offset, bytes(data)) for offset, data in self.midi.incoming_midi_events()]
        self.end = now + frames

    def clear(self):
        self.first = None

    def edges(self, level):
        """Frames of the server at which the sound rises over a level, and at which it falls below it."""
        high = self.sound[: self.end - self.first] > level
        turns = numpy.flatnonzero(high[1:] != high[:-1]) + 1
        rises, falls = turns[high[turns]], turns[~high[turns]]
        return rises + self.first, falls + self.first

    def close(self):
        if self.client:
            self.client.deactivate()
            self.client.close()
        self.client = None


class Hands:
    """A client that plays: every message at its frame of the server."""

    def __init__(self, stack, name="hands", connect="modurust:midi_in_1"):
        stack.callback(self.close)
        self.client = jack.Client(name, no_start_server=True)
        self.port = self.client.midi_outports.register("out")
        self.waiting, self.sent, self.refused, self.delayed = [], [], 0, 0
        self.client.set_process_callback(self.play)
        self.client.activate()
        if connect:
            wait(f"a port {connect}", lambda: run("jack_connect", f"{name}:out", connect).returncode == 0)

    def play(self, frames):
        now = self.client.last_frame_time
        self.port.clear_buffer()
        while self.waiting and self.waiting[-1][0] < now + frames:
            at, message = self.waiting.pop()
            self.delayed += at < now
            at = max(at, now)
            try:
                self.port.write_midi_event(at - now, message)
                self.sent.append((at, message))
            except jack.JackError:
                self.refused += 1

    def now(self):
        return self.client.frame_time

    def give(self, messages):
        """Pairs of a frame and bytes; they leave in the order of their frames."""
        self.waiting = sorted(messages, key=lambda message: message[0], reverse=True)

    def done(self, seconds=60.0):
        wait("the last message", lambda: not self.waiting, seconds)

    def close(self):
        if self.client:
            self.client.deactivate()
            self.client.close()
        self.client = None


class Player:
    """`modurust play` of a text, heard by JACK unless said otherwise."""

    def __init__(self, stack, text, *args, device="jack", command="play", **more):
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=more.pop("dir", None))))
        self.file = self.folder / "set.modu"
        self.file.write_text(text)
        self.log = stack.enter_context(open(self.folder / "log", "w+"))
        self.args = [MODURUST, command, str(self.file), "--device", device, *args]
        self.child = stack.enter_context(
            process(*self.args, stdin=subprocess.PIPE, stdout=self.log, stderr=self.log, **more)
        )
        if device == "jack":
            wait("ports of Modurust", lambda: "modurust:out_1" in run("jack_lsp").stdout, 60)

    def said(self):
        self.log.flush()
        return (self.folder / "log").read_text()

    def osc(self):
        def port():
            lines = [line for line in self.said().splitlines() if line.startswith("OSC on ")]
            return lines and int(lines[0].split(",")[0].rsplit(":", 1)[1])

        self.port = wait("a port of OSC", port, 60)
        return self.port

    def end(self):
        self.child.send_signal(signal.SIGINT)
        must(self.child.wait(120) == 0, f"it ended with {self.child.returncode}: {self.said()}")


def ask(client, address, *args):
    """What is answered to a question by OSC."""
    # UDP may lose what comes while its reader is busy.
    for _ in range(20):
        client.send_message(address, list(args))
        message = next(iter(client.get_messages(timeout=0.5)), None)
        if message is not None:
            return message.address, list(message.params)
    raise Wrong(f"{address} was not answered")


def tally(values):
    found = {}
    for value in values:
        found[int(value)] = found.get(int(value), 0) + 1
    return found


def notes(stack, _):
    """A thousand notes of another process, each at its frame."""
    player = Player(stack, "tone(gate) = gate * 0.5\nout = midi('hands') >> mono(tone)\n")
    ears, hands = Ears(stack, 90), Hands(stack)
    wait("the keyboard is known", lambda: "modurust:midi_in_1" in run("jack_lsp", "-c").stdout)
    time.sleep(1)
    chance, at, wanted = random.Random(5), hands.now() + RATE, []
    for _ in range(1000):
        wanted.append((at, at := at + chance.randint(200, 1800)))
        at += chance.randint(200, 1800)
    hands.give([m for on, off in wanted for m in ((on, b"\x90\x3c\x64"), (off, b"\x80\x3c\x40"))])
    hands.done(120)
    time.sleep(0.5)
    ears.close()
    rises, falls = ears.edges(0.25)
    must(len(rises) == len(falls) == 1000, f"{len(rises)} begin and {len(falls)} end; {hands.refused} were not sent")
    sent = [at for at, _ in hands.sent]
    late = tally(numpy.sort(numpy.concatenate([rises, falls])) - numpy.sort(sent))
    hands.close()
    must(set(late) == {LIMITER}, f"later than sent by {late} frames; {ears.gaps} periods were left out by the server")
    return f"1000 of 1000 notes begin and end exactly {LIMITER} frames after they were sent, which is the limiter: at their frame"


def mpe(stack, _):
    """Ten notes of a zone that bend apart."""
    player = Player(stack, "tone(freq, gate) = sin(freq) * gate * 0.08\nout = midi('hands') >> poly(16, tone)\n")
    ears, hands = Ears(stack, 20), Hands(stack)
    time.sleep(1)
    begin = hands.now() + RATE // 2
    # The zone of the lower master with 15 members (RPN 6).
    messages = [(begin + i, m) for i, m in enumerate((b"\xb0\x65\x00", b"\xb0\x64\x06", b"\xb0\x06\x0f"))]
    keys = [36 + 5 * i for i in range(10)]
    for i, key in enumerate(keys):
        messages.append((begin + 100 + i, bytes([0x91 + i, key, 100])))
        # A second of bending, by -2 to +2.5 semitones of 48, then a second of rest, and on to twice as far.
        for step in range(1, 201):
            halves = (i - 4) * 0.5 * (min(step, 100) / 100 + max(step - 100, 0) / 100)
            bend = round(8192 + halves / 48 * 8192)
            at = begin + RATE // 2 + step * RATE // 100 + (RATE if step > 100 else 0)
            messages.append((at + i, bytes([0xE1 + i, bend & 127, bend >> 7])))
    hands.give(messages)
    hands.done()
    time.sleep(1.5)
    worst = 0.0
    ears.close()
    hands.close()
    for second, far in ((1.6, 1), (3.6, 2)):
        first = int(begin - ears.first + second * RATE)
        part = ears.sound[first : first + int(0.8 * RATE)].astype(float)
        size = 1 << 19
        spectrum = numpy.abs(numpy.fft.rfft(part * numpy.hanning(len(part)), size))
        for i, key in enumerate(keys):
            bend = round(8192 + (i - 4) * 0.5 * far / 48 * 8192) - 8192
            hz = 440 * 2 ** ((key + bend / 8192 * 48 - 69) / 12)
            near = slice(int(hz * 0.98 / RATE * size), int(hz * 1.02 / RATE * size) + 1)
            peak = near.start + int(numpy.argmax(spectrum[near]))
            must(spectrum[peak] > 0.5 * spectrum.max(), f"note {key} is not heard at {hz:.2f} Hz")
            # Between bins: the top of the parabola through three of them.
            a, b, c = numpy.log(spectrum[peak - 1 : peak + 2])
            heard = (peak + (a - c) / (2 * (a - 2 * b + c))) * RATE / size
            worst = max(worst, abs(1200 * numpy.log2(heard / hz)))
    must(worst < 1, f"{worst:.2f} cents off")
    return f"10 notes, each on a channel of its own, are where they were bent to, within {worst:.2f} cents, half way and at the end"


def flood(stack, _):
    """A million random bytes of MIDI, and silence afterwards."""
    player = Player(stack, "tone(freq, gate) = sin(freq) * adsr(gate, 5ms, 50ms, 0.7, 100ms) * 0.05\nout = midi('hands') >> poly(16, tone)\n")
    ears, hands = Ears(stack, 120), Hands(stack)
    time.sleep(1)
    chance, at, bytes_left, messages = random.Random(9), hands.now() + RATE // 2, 1_000_000, []
    while bytes_left > 0:
        length = min(chance.randint(1, 40), bytes_left)
        messages.append((at, chance.randbytes(length)))
        bytes_left -= length
        at += chance.randint(0, 12)
    hands.give(messages)
    hands.done(90)
    time.sleep(0.2)
    sent = sum(len(message) for _, message in hands.sent)
    off = hands.now() + 1000
    hands.give([(off + channel, bytes([0xB0 + channel, 123, 0])) for channel in range(16)])
    time.sleep(1.5)
    silent = numpy.abs(ears.sound[ears.end - ears.first - RATE // 2 : ears.end - ears.first]).max()
    loud = numpy.abs(ears.sound[: off - ears.first]).max()
    hands.give([(hands.now() + 1000, b"\x90\x3c\x64")])
    time.sleep(0.5)
    again = numpy.abs(ears.sound[ears.end - ears.first - RATE // 4 : ears.end - ears.first]).max()
    ears.close()
    hands.close()
    must(player.child.poll() is None, player.said())
    must(silent == 0, f"{silent} is still heard")
    must(loud > 0.01 and again > 0.01, "nothing was heard at all")
    return f"{sent} random bytes in {len(hands.sent)} messages ({hands.refused} found no room): no panic, silence after all-notes-off, and it plays on"


OSC = """tempo 124bpm
cutoff = knob(800hz, 200hz..8khz)
track bass = "0 3 <5 7>" >> scale(c2, minor) >> mono(sub) >> lpf(cutoff) * -6db
track drums = clips { a: "bd*4"  fill: "bd*4, cp(5,8)" } >> kit('tr909') * -6db
track deck = noise * 0.1 * osc('/deck/cut')
scene drop { drums: fill }
launch drums.a
"""


def programs(stack, _):
    """oscsend, python-osc and sclang set parameters, launch clips and read answers."""
    player = Player(stack, OSC, "--osc", "0", device="null")
    port = str(player.osc())
    client = SimpleUDPClient("127.0.0.1", int(port))
    told = []
    if shutil.which("oscsend"):
        must(run("oscsend", "localhost", port, "/cutoff", "f", "1234").returncode == 0, "oscsend failed")
        wait("the number of oscsend", lambda: ask(client, "/cutoff") == ("/cutoff", [1234.0]))
        run("oscsend", "localhost", port, "/drums/clip", "s", "fill")
        wait("the clip of oscsend", lambda: ask(client, "/drums/clip") == ("/drums/clip", ["fill"]))
        told.append("oscsend")
    client.send_message("/cutoff", 4321.0)
    must(ask(client, "/cutoff") == ("/cutoff", [4321.0]), "python-osc is not heard")
    client.send_message("/drums/clip/a", [])
    wait("the clip of python-osc", lambda: ask(client, "/drums/clip") == ("/drums/clip", ["a"]))
    address, params = ask(client, "/cutoof", 1.0)
    must(address == "/error" and "did you mean /cutoff" in params[1], f"{address} {params}")
    told.append("python-osc (answers and mistakes too)")
    if shutil.which("sclang"):
        script = player.folder / "ask.scd"
        script.write_text(SCLANG.replace("PORT", port))
        # Without a display its editor's library must not look for one.
        quiet = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "QTWEBENGINE_DISABLE_SANDBOX": "1", "HOME": str(player.folder)}
        said = run("timeout", "60", "sclang", "-D", str(script), env=quiet)
        heard = [line[6:] for line in said.stdout.splitlines() if line.startswith("HEARD ")]
        must(any("2345" in line for line in heard), f"sclang: {said.returncode}, {said.stdout[-2000:]}{said.stderr[-500:]}")
        must(any("fill" in line for line in heard), f"sclang: {heard}")
        told.append(f"sclang (read {len(heard)} answers)")
    return ", ".join(told)


SCLANG = """
OSCFunc({ |msg| ("HEARD " ++ msg).postln }, '/cutoff');
OSCFunc({ |msg| ("HEARD " ++ msg).postln }, '/drums/clip');
fork {
    var to = NetAddr("127.0.0.1", PORT);
    to.sendMsg('/cutoff', 2345.0);
    to.sendMsg('/drums/clip', 'fill');
    6.do { 0.5.wait; to.sendMsg('/cutoff'); to.sendMsg('/drums/clip'); };
    1.wait;
    0.exit;
};
"""


def bundles(stack, _):
    """Bundles for a second ahead, each within a frame of its time."""
    player = Player(stack, "out = osc('/gate') * 0.5\n", "--osc", "0")
    client = SimpleUDPClient("127.0.0.1", player.osc())
    ears = Ears(stack, 120)
    time.sleep(2)

    def send(at, value):
        bundle = osc_bundle_builder.OscBundleBuilder(at)
        message = osc_message_builder.OscMessageBuilder(address="/gate")
        message.add_arg(float(value))
        bundle.add_content(message.build())
        client.send(bundle.build())

    chance, times, readings = random.Random(3), [], []
    next_at = time.time()
    while len(times) < 600 or time.time() < times[-1] + 1:
        if len(times) < 600 and time.time() >= next_at:
            times.append(time.time() + 1.0)
            send(times[-1], len(times) % 2 == 1)
            next_at += 0.05 + chance.random() * 0.02
        # Which frame it is by the server's clock, and when by that of the system, read as near to each other as can be.
        readings.append(min(clocks(ears.client) for _ in range(3))[1:])
        time.sleep(0.002)
    time.sleep(0.5)
    ears.close()
    rises, falls = ears.edges(0.25)
    heard = numpy.sort(numpy.concatenate([rises, falls]))
    must(len(heard) == len(times), f"{len(heard)} of {len(times)} were heard")
    system, frames = numpy.array(readings).T
    errors = []
    for at, frame in zip(times, heard):
        # The server's clock at that time, and a moment before: where it is late itself, it moves.
        due, before = (
            numpy.median(frames[near] + (at - system[near]) * RATE)
            for near in (numpy.abs(system - at + back) < 0.02 for back in (0, 0.11))
        )
        if abs(due - before) <= 0.5:
            errors.append(frame - LIMITER - due)
    errors = numpy.array(errors)
    must(len(errors) >= 20, f"the server was late too often: {len(errors)} bundles are left")
    worst = numpy.abs(errors).max()
    must(worst <= 1.5, f"{worst:.2f} frames off, {numpy.round(errors, 1)}")
    return (
        f"{len(errors)} bundles, each sent a second ahead, act within {worst:.2f} frames of their time by the server's clock, which tells whole "
        f"frames (mean {errors.mean():+.2f}); {len(times) - len(errors)} more came while the server was late and its clock moved"
    )


def clocks(client):
    """How long it took to read both clocks, then the moment of the system and the frame of the server at it."""
    before = time.time()
    frame = client.frame_time
    after = time.time()
    return after - before, (before + after) / 2, frame


def datagrams(stack, _):
    """A million packets that are wrong in some way, while the sound is recorded."""
    text = OSC.replace("noise * 0.1 * osc('/deck/cut')", "noise * (0.1 + osc('/deck/cut'))")
    player = Player(stack, text, "--osc", "0", "--record", "take.wav", device="null", cwd=(folder := stack.enter_context(tempfile.TemporaryDirectory())))
    client = SimpleUDPClient("127.0.0.1", player.osc())
    to = ("127.0.0.1", player.port)
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    counters = lambda: dict(zip(*[iter(ask(client, "/modurust/counters")[1])] * 2))
    before = counters()
    chance = random.Random(1789)
    goods = [message(address, *args) for address, *args in GOOD]
    kinds, sent, began = {}, 0, time.monotonic()
    total = MUTATED
    while sent < total:
        for _ in range(100):
            kind, packet = wrong(chance, goods)
            kinds[kind] = kinds.get(kind, 0) + 1
            line.sendto(packet, to)
        sent += 100
        # Waits until all of it is read, so that none is lost on the way and every packet is counted.
        wait("the packets", lambda: counters()["packets"] - before["packets"] >= sent or None, 30)
    after = counters()
    took = time.monotonic() - began
    player.end()
    accepted = after["accepted"] - before["accepted"]
    got = after["packets"] - before["packets"]
    take = Path(folder) / "take.wav"
    sound = samples(take)
    seconds = len(sound) // 2 // RATE + 1
    must(run(MODURUST, "render", str(player.file), "-o", f"{folder}/whole.wav", "--for", f"{seconds}s").returncode == 0, "no rendering")
    whole = samples(Path(folder) / "whole.wav")
    # It ends with a short fade.
    same = len(sound) - 2 * RATE // 5
    must(numpy.array_equal(sound[:same].view("u4"), whole[:same].view("u4")), "it was heard")
    questions = accepted - (got - sent)
    must(questions <= 0, f"{questions} were understood: {after}")
    told = {name: count - before[name] for name, count in after.items() if count != before[name]}
    return f"{sent} packets in {took:.0f} s ({kinds}): every bit of {same // 2 / RATE:.0f} s of sound is that of the rendering; counters: {told}"


MUTATED = 1_000_000
GOOD = [("/cutoff", 900.0), ("/bass/level", 0.1), ("/drums/clip/fill",), ("/launch", "drums.fill"), ("/scene/drop", 1), ("/*/mute", True), ("/deck/cut", 0.7), ("/tempo", 33.0), ("/hush",), ("/drums/clip", "fill")]


def message(address, *args):
    builder = osc_message_builder.OscMessageBuilder(address=address)
    for arg in args:
        builder.add_arg(arg)
    return builder.build().dgram


def wrong(chance, goods):
    """A packet that nobody may understand: what it was made of would be heard."""
    packet = bytearray(chance.choice(goods))
    bundle = lambda inner: b"#bundle\0" + struct.pack(">QI", chance.choice([1, chance.getrandbits(64)]), len(inner)) + inner
    match chance.randrange(9):
        case 0:
            return "cut off", bytes(packet[: chance.choice([n for n in range(1, len(packet)) if n % 4])])
        case 1:
            return "no address", bytes([chance.choice(b"abcxyz \0")]) + bytes(packet[1:])
        case 2:
            packet[1 : 1 + 2] = b"~" + bytes([chance.randrange(97, 123)])
            return "unknown", bytes(packet)
        case 3:
            at = packet.index(b",")
            packet[at] = chance.choice(b"abc#/0")
            return "no types", bytes(packet)
        case 4:
            return "no number", message("/cutoff", 0.0)[:-4] + chance.choice([b"\x7f\x80\0\0", b"\xff\x80\0\0", b"\x7f\xc0\0\0"])
        case 5:
            inner = bytes(packet)
            for _ in range(chance.randint(17, 40)):
                inner = bundle(inner)
            return "nested", inner
        case 6:
            return "blob", b"/cutoff\0,b\0\0" + struct.pack(">I", 8) + chance.randbytes(8)
        case 7:
            return "random", bytes([chance.randrange(1, 35)]) + chance.randbytes(chance.randrange(0, 400))
        case _:
            return "bundle cut off", bundle(bytes(packet))[: -chance.randint(1, 3)]


def samples(path):
    """Samples of a WAV file of 32-bit floats, interleaved; also of one that has grown past what its header says."""
    data = numpy.memmap(path, numpy.uint8, "r")
    at = bytes(data[:4096]).index(b"data") + 8
    return data[at : at + (len(data) - at) // 4 * 4].view("<f4")


CLICK = "click(gate) = gate * 0.5\n"


def tempo_of(client):
    return ask(client, "/tempo")[1][0]


def jitter(stack, _):
    """A clock whose ticks are up to 3 ms off."""
    bpm = 132.5
    player = Player(stack, f"{CLICK}tempo 120bpm\nlink on\nout = \"0*4\" >> mono(click)\n", "--osc", "0")
    client = SimpleUDPClient("127.0.0.1", player.osc())
    ears, hands = Ears(stack, 60), Hands(stack)
    time.sleep(1)
    chance, begin = random.Random(7), hands.now() + RATE // 2
    tick = RATE * 60 / bpm / 24
    count = int(30 * RATE / tick)
    hands.give(
        [(begin - 200, b"\xfa")] + [(begin + round(i * tick + chance.uniform(-0.003, 0.003) * RATE * (i > 0)), b"\xf8") for i in range(count)]
    )
    time.sleep((begin - hands.now()) / RATE + 8 * 60 / bpm)
    errors = []
    while hands.now() < begin + count * tick - RATE:
        errors.append(tempo_of(client) - bpm)
        time.sleep(0.02)
    ears.close()
    hands.close()
    worst = max(abs(error) for error in errors)
    must(hands.delayed == 0, f"{hands.delayed} ticks left too late: the server missed its deadlines")
    rises, _ = ears.edges(0.25)
    beats = rises[rises > begin + 8 * 24 * tick] - LIMITER - begin
    off = (beats + 12 * tick) % (24 * tick) - 12 * tick
    must(worst < 0.1, f"{worst:.3f} bpm off after two bars")
    return (
        f"after two bars of {bpm} bpm, ticks up to 3 ms off, the tempo is right within {worst:.3f} bpm ({len(errors)} readings in 25 s), "
        f"beats within {numpy.abs(off).max() / RATE * 1000:.2f} ms of those of the clock"
    )


# What Ardour is told, without its window: to be a client of JACK with an empty session, and then line by line when to roll, how fast, and when to
# stop. It is turned while it rolls, since a change of tempo that lies ahead in its session does not come to its clock (7.3).
ARDOUR = """
AudioEngine:set_backend('JACK', 'ardour', '')
assert(AudioEngine:start() == 0)
assert(create_session('{folder}/session', 'session', {rate}))
local function tempo(bpm)
  local map = Temporal.TempoMap.write_copy()
  map:set_tempo(Temporal.Tempo(bpm, bpm, 4), Temporal.timepos_t(0))
  Temporal.TempoMap.update(map)
end
tempo({bpm})
io.open('{folder}/ready', 'w'):close()
local ui = ARDOUR.TransportRequestSource.TRS_UI
for line in io.lines() do
  if line == 'roll' then Session:request_roll(ui)
  elseif line == 'stop' then Session:request_stop(false, true, ui)
  else tempo(tonumber(line)) end
end
close_session()
quit()
"""


def sequencer(stack, _):
    """The clock of Ardour, which begins, changes its tempo, and ends; that of jack_midi_clock, which goes with the transport of the server."""
    text = f"{CLICK}tempo 120bpm\nlink on\nout = \"0*4\" >> mono(click)\n"
    found = []
    ardour = next((name for name in ("ardour8-lua", "ardour7-lua") if shutil.which(name)), None)
    # Where the server misses periods, ticks are lost or come twice, and nothing is told by them.
    for _ in range(3 if ardour else 0):
        with contextlib.ExitStack() as inner:
            heard = follow_ardour(inner, text, ardour)
        if heard:
            found.append(heard)
            break
    must(found or not ardour, "the server missed its deadlines")
    must(shutil.which("jack_midi_clock"), "jack_midi_clock is missing")
    bpm = 97
    player = Player(stack, text, "--osc", "0")
    client = SimpleUDPClient("127.0.0.1", player.osc())
    ears = Ears(stack, 60)
    stack.enter_context(process("jack_midi_clock", "-b", str(bpm), "modurust:midi_in_1", stdout=subprocess.DEVNULL))
    wait("its port", lambda: "jack_midi_clock" in run("jack_lsp").stdout)
    # Only its ticks count here, not the transport by which it starts.
    time.sleep(1)
    run("jack_transport", input="play\n")
    time.sleep(8 * 60 / bpm + 1)
    errors = [tempo_of(client) - bpm for _ in range(400) if not time.sleep(0.02)]
    ears.close()
    run("jack_transport", input="stop\n")
    worst = max(abs(error) for error in errors)
    must(worst < 0.1, f"{worst:.3f} bpm off")
    found.append(f"{bpm} bpm of jack_midi_clock are followed within {worst:.3f} bpm")
    return "; ".join(found)


def follow_ardour(stack, text, ardour):
    """Rolled, turned to another tempo while it rolls, stopped, rolled from there, and stopped; nothing if the server was late."""
    first, second, beats = 97, 123, 24
    player = Player(stack, text, "--osc", "0")
    client = SimpleUDPClient("127.0.0.1", player.osc())
    ears = Ears(stack, 90)
    home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    settings = home / ".config" / ardour.removesuffix("-lua")
    settings.mkdir(parents=True)
    (settings / "config").write_text('<Ardour><Config><Option name="send-midi-clock" value="1"/></Config></Ardour>\n')
    (home / "roll.lua").write_text(ARDOUR.format(folder=home, rate=RATE, bpm=first))
    log = stack.enter_context(open(home / "log", "w"))
    own = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")} | {"HOME": str(home)}
    child = stack.enter_context(process(ardour, str(home / "roll.lua"), stdin=subprocess.PIPE, stdout=log, stderr=log, env=own))
    wait("a session of Ardour", lambda: (home / "ready").exists() or child.poll() is not None, 60)
    must(child.poll() is None, (home / "log").read_text())
    for ear in ("ears:midi_in", "modurust:midi_in_1"):
        wait("a port of its clock", lambda: run("jack_connect", "ardour:MIDI Clock out", ear).returncode == 0)
    time.sleep(2)
    tempi, told = [], []

    def tell(word, seconds):
        told.append(ears.client.frame_time)
        child.stdin.write(word + "\n")
        child.stdin.flush()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            tempi.append((ears.client.frame_time, tempo_of(client)))
            time.sleep(0.02)

    tell("roll", beats * 60 / first)
    tell(str(second), beats * 60 / second)
    tell("stop", 3)
    tell("roll", beats * 60 / second)
    tell("stop", 3)
    child.stdin.close()
    child.wait(30)
    ears.close()
    if KEEP:
        numpy.savez(f"{KEEP}/ardour.npz", rises=ears.edges(0.25)[0], tempi=tempi, told=told, ticks=[at for at, m in ears.messages if m[0] == 0xF8])
    if ears.gaps:
        return None
    # Where its beats are: ticks are counted from the start, or from the position that was sent before it goes on.
    place, runs = 0, []
    for at, message in ears.messages:
        match message[0]:
            case 0xFA:
                place = 0
                runs.append([])
            case 0xF2:
                place = 6 * (message[1] + 128 * message[2])
            case 0xFB:
                runs.append([])
            case 0xFC:
                runs[-1].append(at)
            case 0xF8:
                if place % 24 == 0:
                    runs[-1].append(at)
                place += 1
    must(len(runs) == 2, f"it was rolled {len(runs)} times: {[m for _, m in ears.messages if m[0] != 0xF8]}")
    rises = ears.edges(0.25)[0] - LIMITER
    # The last of each is the stop. Before the first tick the music goes its own way.
    (*one, stopped), (*two, _) = runs
    ours = rises[rises > one[0] - RATE // 1000]
    theirs = numpy.array(one + two)
    must(len(ours) == len(theirs), f"{len(ours)} beats where {len(theirs)} are its own")
    off = ours - theirs
    turn, bars = told[1], lambda count, bpm: count * 4 * 60 / bpm * RATE
    wrong = lambda begin, end, bpm: [(at, abs(tempo - bpm)) for at, tempo in tempi if begin <= at < end]
    before, after = wrong(one[0] + bars(2, first), turn, first), wrong(two[0] + bars(2, second), told[4], second)
    still = max(at for at, error in wrong(turn, stopped, second) if error >= 0.1) - turn
    worst = [max(error for _, error in part) for part in (before, after)]
    steady, turned, on = off[theirs < turn], off[(theirs >= turn) & (theirs < stopped)], off[len(one) :]
    must(max(worst) < 0.1, f"{worst} bpm off after two bars")
    must(still < bars(4, second), f"more than 0.1 bpm off for {still / RATE:.1f} s after it was turned")
    must(numpy.abs(steady).max() < RATE / 1000 and numpy.abs(on).max() < RATE / 200, f"beats are {numpy.abs(steady).max()} and {numpy.abs(on).max()} frames off")
    must(numpy.abs(turned[16:]).max() < RATE / 1000, f"{numpy.abs(turned[16:]).max()} frames off four bars after it was turned")
    version = run(ardour, "--version", stdin=subprocess.DEVNULL, env=own).stdout.split()[2]
    return (
        f"Ardour {version} rolls at {first} bpm: the first beat {off[0]:+d} frames from its first tick, {len(steady)} at most {numpy.abs(steady).max()}, the "
        f"tempo within {worst[0]:.3f} bpm after two bars; turned to {second} while it rolls, beats are at most {numpy.abs(turned).max() / RATE * 1000:.1f} ms off, "
        f"{numpy.abs(turned[8:]).max() / RATE * 1000:.1f} after two bars and {numpy.abs(turned[16:]).max() / RATE * 1000:.2f} after four, the tempo within 0.1 bpm "
        f"after {still / RATE:.1f} s; stopped, no beat follows; rolled on, {len(on)} beats at most {numpy.abs(on).max() / RATE * 1000:.1f} ms off, within "
        f"{worst[1]:.3f} bpm after two bars; stopped again"
    )


def strips(stack, _):
    """Ports of single tracks, which sum up to the whole."""
    text = "track a = sin(440hz) * 0.2\ntrack b = saw(110hz) * 0.1\n"
    player = Player(stack, text, "--ports", "all")
    wait("ports of b", lambda: "modurust:b_2" in run("jack_lsp").stdout)
    ears = [Ears(stack, 30, f"ears{i}", f"modurust:{port}") for i, port in enumerate(("a_1", "b_1", "out_1"))]
    time.sleep(2)
    begin = max(ear.first for ear in ears) + 1000
    a, b, whole = (ear.sound[begin - ear.first :][:RATE] for ear in ears)
    # A server that is late leaves out whole periods, of some ports or of all.
    heard = (a != 0) & (whole != 0)
    off = numpy.abs(a + b - whole)[heard].max()
    must(heard.mean() > 0.5 and numpy.abs(b).max() > 0.02 and off < 1e-6, f"they are {off} off the whole")
    player.file.write_text("track a = sin(440hz) * 0.2\ntrack c = saw(110hz) * 0.1\n")
    wait("ports of c", lambda: "modurust:c_1" in run("jack_lsp").stdout)
    time.sleep(1)
    silent = numpy.abs(ears[1].sound[ears[1].end - ears[1].first - RATE // 4 : ears[1].end - ears[1].first]).max()
    must(silent == 0 and "modurust:b_1" in run("jack_lsp").stdout, f"{silent} is heard of what is gone")
    return f"a_1 and b_1 sum up to out_1 within {off:.1e}, at the same frame; a track that an edit removes is silent, a new one has ports"


def howl(stack, _):
    """An output that is led into the input of its own."""
    text = "out = (input(1) >> bpf(900hz, q: 4)) * 2.5 + noise * 0.001\n"
    told = []
    for flags in ((), ("--no-guard",)):
        with contextlib.ExitStack() as inner:
            player = Player(inner, text, *flags)
            ears = Ears(inner, 30)
            wait("the loop", lambda: run("jack_connect", "modurust:out_1", "modurust:in_1").returncode == 0)
            time.sleep(6)
            end = ears.end - ears.first
            told.append((20 * numpy.log10(numpy.abs(ears.sound[end - RATE : end]).max() + 1e-9), player.said()))
    (quiet, said), (loud, _) = told
    must(loud > -6, f"it does not howl by itself: {loud:.1f} dB")
    must(quiet < -20 and "howled" in said, f"it howls: {quiet:.1f} dB, {said}")
    return f"an output led into its own input howls at {loud:.1f} dB with --no-guard; without it is at {quiet:.1f} dB after 6 s, and a line says so"


def clock(stack, minutes):
    """Our own clock, as jack_midi_dump hears it, against the sound."""
    bpm = 133
    text = f"{CLICK}tempo {bpm}bpm\ntrack gear = \"c2*4\" >> midi_out('midi-monitor', 1, clock: on)\ntrack k = \"0*4\" >> mono(click)\n"
    log = stack.enter_context(tempfile.NamedTemporaryFile("w+"))
    dump = stack.enter_context(process("stdbuf", "-oL", "jack_midi_dump", "-a", stdout=log))
    wait("its port", lambda: "midi-monitor:input" in run("jack_lsp").stdout)
    player = Player(stack, text)
    ears = Ears(stack, minutes * 60 + 20)
    time.sleep(minutes * 60 + 5)
    ears.close()
    dump.send_signal(signal.SIGINT)
    dump.wait(10)
    lines = [line.split(":", 1) for line in Path(log.name).read_text().splitlines() if ":" in line]
    ticks = numpy.array([int(at) for at, what in lines if what.split()[:1] == ["f8"]])
    # The first that is heard may have begun before it was listened to.
    rises = ears.edges(0.25)[0][1:]
    if KEEP:
        numpy.savez(f"{KEEP}/clock.npz", ticks=ticks, rises=rises, gaps=ears.gaps)
    beat = RATE * 60 / bpm
    must(len(ticks) > minutes * bpm * 24, f"{len(ticks)} ticks: {lines[:5]}")
    must(len(rises) > minutes * bpm * 0.95, f"{len(rises)} beats")
    # jack_midi_dump counts frames from a moment of its own: the beat that fits best says from which.
    nearest = lambda shift: ticks[numpy.clip(numpy.searchsorted(ticks, rises - shift - beat / 48), 0, len(ticks) - 1)] + shift
    # Where a program or the server itself misses a period, what it counts is less by a whole one from then on.
    periods = lambda off: numpy.round(off / PERIOD) * PERIOD
    rest = lambda shift: numpy.abs((off := rises - nearest(shift)) - periods(off)).mean() + numpy.abs(off).mean() / PERIOD
    shift = min((rises[20] - tick for tick in ticks[:1200]), key=rest)
    off = rises - nearest(shift)
    steps = numpy.diff(ticks) - beat / 24
    even = numpy.abs(steps) < 64
    missed = periods(off)
    off = off - missed
    jumps = numpy.count_nonzero(numpy.diff(missed))
    drift = off[-20:].mean() - off[:20].mean()
    must(numpy.abs(off).max() <= 1 and abs(drift) < 1, f"{numpy.abs(off).max()} frames off, drift {drift}")
    must(jumps < len(rises) / 10 and even.mean() > 0.99, f"{jumps} jumps, {(~even).sum()} of {len(steps)} steps")
    return (
        f"{len(ticks)} ticks in {(ticks[-1] - ticks[0]) / RATE:.0f} s, as jack_midi_dump heard them: from one to the next at most "
        f"{numpy.abs(steps[even]).max():.1f} frames off; the {len(rises)} beats of the sound at most {numpy.abs(off).max():.0f} frames off their ticks, "
        f"{drift:+.2f} of drift (periods that were missed: {(~even).sum()} between two ticks, {jumps} by one of the listeners alone)"
    )


def eight(takes):
    lines = ['"0 3 7 <10 12>"', '"0(5,8)"', '"<0 5> 7"', '"0 ~ 3 ~"']
    tracks = "".join(
        f"track t{i} = {lines[i % 4]} >> scale(c{2 + i % 3}, minor) >> poly(4, sub) >> lpf({400 + i * 150}hz) >> delay({0.1 + i * 0.03:.2f}s) * -12db\n"
        for i in range(1, 9)
    )
    return f"tempo 133bpm\n{tracks}record all to '{takes}'\n"


def load(stack, folder):
    """Two programs that would like the machine for themselves, as far as it is free, and one that writes to the disk."""
    burn = ("nice", "-n", "19", "sh", "-c")
    for _ in range(2):
        stack.enter_context(process(*burn, "while :; do :; done"))
    write = f"while :; do dd if=/dev/zero of={folder}/noise bs=1M count=50 conv=fsync 2>/dev/null; sleep 5; done"
    stack.enter_context(process(*burn, write))


def compare(player, takes, minutes):
    """How many frames of every strip are those of the rendering."""
    stems = player.folder / "stems"
    ran = run(MODURUST, "render", str(player.file), "-o", str(player.folder / "whole.wav"), "--stems", str(stems), "--for", f"{minutes * 60 + 30:.0f}s", cwd=player.folder)
    must(ran.returncode == 0, ran.stderr)
    found = {}
    for take in sorted(Path(takes).glob("*.wav")):
        sound, whole = samples(take), samples(player.folder / "whole.wav" if take.stem == "master" else stems / take.name)
        heard = int(numpy.flatnonzero(sound[: 60 * RATE])[0]) // 2 * 2
        begin = int(numpy.flatnonzero(whole[: 60 * RATE])[0]) // 2 * 2 - heard
        # The end of a take is what was left when Ctrl-C had hushed everything.
        same = min(len(sound), len(whole) - begin, 2 * int(minutes * 60 * RATE))
        different = int(numpy.count_nonzero(sound[:same].view("u4") != whole[begin : begin + same].view("u4")))
        found[take.stem] = (begin // 2, same // 2, different)
    return found


def recording(stack, minutes):
    """Eight tracks and the whole, recorded under load, against their rendering."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    takes = f"{folder}/takes"
    player = Player(stack, eight(takes), dir=folder)
    load(stack, folder)
    time.sleep(minutes * 60 + 1)
    player.end()
    said = player.said()
    found = compare(player, takes, minutes)
    must(len(found) == 9, f"{sorted(found)}: {said}")
    must(all(different == 0 for _, _, different in found.values()), f"{found}: {said}")
    must("missing" not in said, said)
    frames = min(same for _, same, _ in found.values())
    must(frames >= minutes * 60 * RATE, f"{frames} frames")
    return f"9 files of {frames} frames ({frames / RATE:.0f} s) beside two busy programs and a busy disk: 0 frames dropped, every bit that of the rendering"


def full(stack, minutes):
    """The same on a disk that is full half way."""
    must(os.geteuid() == 0, "only root can mount a small disk")
    mount = stack.enter_context(tempfile.TemporaryDirectory())
    size = int(minutes / 2 * 60 * RATE * 8 * 9)
    must(run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", mount).returncode == 0, "a small disk cannot be mounted here")
    stack.callback(run, "umount", mount)
    takes = f"{mount}/takes"
    player = Player(stack, eight(takes))
    load(stack, player.folder)
    time.sleep(minutes * 60 + 1)
    player.end()
    said = player.said()
    must("the recording ends" in said, said)
    for take in sorted(Path(takes).glob("*.wav")):
        # By somebody else's eyes.
        if shutil.which("soxi"):
            must(run("soxi", "-s", str(take)).stdout.strip().isdigit(), f"{take.name} cannot be read")
    found = compare(player, takes, minutes)
    must(len(found) == 9 and all(different == 0 for _, _, different in found.values()), f"{found}: {said}")
    frames = [same for _, same, _ in found.values()]
    line = next(line for line in said.splitlines() if "the recording ends" in line)
    return f"the disk was full after {min(frames) / RATE:.0f} s of {minutes * 60:.0f}: 9 readable files, every bit right; it said \"{line}\" and played on"


def learn(stack, _):
    """Learning writes a line, which can be edited and taken back."""
    text = "cut = knob(800hz, 200hz..8khz)\nout = saw(110hz) >> lpf(cut) * 0.1\n"
    player = Player(stack, text, "--pipe", command="repl")
    hands = Hands(stack)
    time.sleep(1)
    say = lambda line: (player.child.stdin.write(line + "\n"), player.child.stdin.flush())
    say(":learn cut")
    time.sleep(0.5)
    hands.give([(hands.now() + 1000, b"\xb0\x4a\x40"), (hands.now() + 20_000, b"\xb0\x4a\x44")])
    wait("the line that was learned", lambda: "map cc(74) -> cut" in player.said())
    say("map cc(74) -> cut 300hz..3khz exp")
    time.sleep(0.5)
    say(":list")
    wait("the line that was edited", lambda: "map cc(74) -> cut 300hz..3khz exp" in player.said())
    say(":back")
    time.sleep(0.5)
    say(":back")
    time.sleep(0.5)
    mark = len(player.said())
    say(":list")
    wait("the text", lambda: "out = saw" in player.said()[mark:])
    must("map" not in player.said()[mark:], player.said()[mark:])
    hands.close()
    return "a controller was moved, its line written, edited, and taken back in two steps"


def unplug(stack, _):
    """A keyboard that goes in the middle of notes, and comes back."""
    player = Player(
        stack,
        "tone(freq, gate) = sin(freq) * gate * 0.05\ncut = knob(1, 0..1)\nmap cc(74) -> cut\nout = (midi('hands') >> poly(8, tone)) * cut\n",
        "--midi",
        "hands",
    )
    ears, longest, silences = Ears(stack, 120), 0.0, []
    chord = lambda at: [(at + i, bytes([0x90, 48 + 4 * i, 100])) for i in range(5)]
    level = lambda: numpy.abs(ears.sound[max(0, ears.end - ears.first - RATE // 20) : ears.end - ears.first]).max()
    for _ in range(10):
        plugged = time.monotonic()
        hands = Hands(stack, connect=None)
        wait("the connection", lambda: "hands:out" in run("jack_lsp", "-c", "modurust:midi_in_1").stdout, 5)
        time.sleep(0.15)
        hands.give(chord(hands.now() + 500))
        wait("a chord", lambda: level() > 0.01, 5)
        longest = max(longest, time.monotonic() - plugged)
        time.sleep(0.3)
        hands.close()
        gone = time.monotonic()
        wait("silence", lambda: level() == 0, 5)
        silences.append(time.monotonic() - gone)
    ears.close()
    must(longest < 1, f"{longest:.2f} s until it was heard again")
    return f"10 times: no note stays, silence after at most {max(silences):.2f} s, heard again within {longest:.2f} s"


CHECKS = [notes, mpe, flood, programs, bundles, datagrams, jitter, sequencer, learn, unplug, strips, howl, clock, recording, full]


def main():
    global MODURUST, KEEP
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--modurust", default="target/release/modurust", help="the program that is tried")
    words.add_argument("--minutes", type=float, default=10, help="how long what is long takes")
    words.add_argument("--keep", help="a folder for what was measured")
    words.add_argument("checks", nargs="*", help=", ".join(check.__name__ for check in CHECKS))
    args = words.parse_args()
    KEEP = args.keep
    MODURUST = str(Path(args.modurust).resolve())
    # A collection of garbage is longer than a period.
    gc.disable()
    failed = 0
    with server() as command:
        print(command, flush=True)
        for check in CHECKS:
            if args.checks and check.__name__ not in args.checks:
                continue
            with contextlib.ExitStack() as stack:
                began = time.monotonic()
                try:
                    told = check(stack, args.minutes)
                except Wrong as why:
                    told, failed = f"NOT SO: {why}", failed + 1
                print(f"{check.__name__} ({time.monotonic() - began:.0f} s): {told}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
