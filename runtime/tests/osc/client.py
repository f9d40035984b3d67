"""Plays a session by python-osc and reads its answers; the port is the argument. Prints how many steps were right."""

import sys
import time

from pythonosc import osc_bundle_builder, osc_message_builder
from pythonosc.udp_client import SimpleUDPClient

client = SimpleUDPClient("127.0.0.1", int(sys.argv[1]))
steps = 0


def step(what, right):
    global steps
    assert right, what
    steps += 1


def ask(address, *args):
    client.send_message(address, list(args))
    message = next(iter(client.get_messages(timeout=10)))
    return message.address, list(message.params)


step("a value", ask("/cutoff") == ("/cutoff", [800.0]))
client.send_message("/cutoff", 4321)
step("the value that was told", ask("/cutoff") == ("/cutoff", [4321.0]))
client.send_message("/cutoff", 1e9)
step("the end of its range", ask("/cutoff") == ("/cutoff", [8000.0]))

bundle = osc_bundle_builder.OscBundleBuilder(osc_bundle_builder.IMMEDIATELY)
for address, value in (("/bass/level", 0.5), ("/bass/pan", 0.25)):
    message = osc_message_builder.OscMessageBuilder(address=address)
    message.add_arg(value)
    bundle.add_content(message.build())
client.send(bundle.build())
step("a bundle at once", ask("/bass/level") == ("/bass/level", [0.5]))
step("all of it", ask("/bass/pan") == ("/bass/pan", [0.25]))

client.send_message("/drums/clip/fill", [])
end = time.time() + 10
while ask("/drums/clip") != ("/drums/clip", ["fill"]):
    assert time.time() < end, "the clip was not launched"
    time.sleep(0.02)
step("a clip", True)

address, params = ask("/cutoof", 1.0)
step("a mistake", address == "/error" and "did you mean /cutoff" in params[1])

bundle = osc_bundle_builder.OscBundleBuilder(time.time() + 0.5)
message = osc_message_builder.OscMessageBuilder(address="/cutoff")
message.add_arg(500.0)
bundle.add_content(message.build())
began = time.time()
client.send(bundle.build())
step("not yet", ask("/cutoff") == ("/cutoff", [8000.0]))
while ask("/cutoff") != ("/cutoff", [500.0]):
    assert time.time() < began + 10, "the bundle never acted"
    time.sleep(0.005)
step("a bundle at its time", 0.45 < time.time() - began)
print(steps, "steps")
