//! R7's half about sound: whatever is renamed in the view goes on with its memory.
//!
//! The plan of the swap from the text before to the text after is asked: nothing is made, and nothing is dropped.

use super::gesture::Gesture;
use super::properties::{Drawing, any, program};
use modurust_runtime::compiler::graph::state::{Piece, StateMap};
use modurust_runtime::compiler::lang::dice::Dice;

const STARTS: [&str; 3] = [
    "// one\nosc = saw(c2)  // é 🎹\nlfo = sin(2hz)\n\n/// doc\nbass = osc >> lpf(800hz + 2 * lfo, q: 1)\nout = bass >> delay(0.2s)\n",
    "v(freq, gate) = saw(freq) * ar(gate, 1ms, 1s)\nline = \"0 3 5\" >> scale(c2, minor)\ntrack t = line >> mono(v) >> send(room, -9db)\ntrack u = line >> poly(4, v)\nbus room = in >> reverb(2s)\n",
    "a = noise * 0.1 + b' * 0.5\nb = delay(a, 0.2s)\ntwin = delay(a, 0.2s)\nout = a + b + twin",
];

#[test]
fn a_renamed_hex_keeps_its_memory() {
    let mut dice = Dice::new(7);
    let (mut renamed, mut held, mut begun) = (0, 0, 0);
    for round in 0..150 {
        let mut drawing = Drawing::of(STARTS[round % STARTS.len()]);
        for _ in 0..dice.below(5) {
            let patch = drawing.patch();
            let Some(gesture) = any(&mut dice, &patch) else { continue };
            if let Ok(planned) = drawing.plan(&gesture) {
                drawing.text = planned.edit.apply(&drawing.text).expect("splices fit");
            }
        }
        let Ok(old) = program(&drawing.text) else { continue };
        let names: Vec<String> = drawing.patch().whole.hexes.iter().map(|hex| hex.key.clone()).collect();
        // What is not called `out` any more is not heard any more.
        for name in names.into_iter().filter(|name| name != "out") {
            let Ok(planned) = drawing.plan(&Gesture::Rename { hex: name.clone(), to: "quite_new".into() }) else {
                continue;
            };
            let text = planned.edit.apply(&drawing.text).expect("splices fit");
            let new = program(&text).unwrap_or_else(|why| panic!("{name} in\n{}\nbecame\n{why}", drawing.text));
            let map = StateMap::between(&old.patch.graph, &old.units, &new.patch.graph, &new.units);
            // A name for another name has no memory of its own that would tell it again, and a loop through it begins with one sample of silence.
            let own = |piece: &Piece| piece.key.contains("quite_new/");
            let told = map.report.moved.iter().any(own);
            let sample = |piece: &Piece| !told && piece.key.rsplit('/').next() == Some("quite_new");
            assert!(map.report.made.iter().all(sample), "{name} in\n{}\n{:#?}", drawing.text, map.report);
            assert_eq!(map.report.made.len(), map.report.dropped.len(), "{name} in\n{}", drawing.text);
            begun += map.report.made.len();
            renamed += 1;
            held += map.cells.len() + map.rings.len() + map.units.len();
        }
    }
    println!("{renamed} renames, {held} pieces of memory, {begun} single samples begin anew");
    assert!(renamed > 300 && held > 1000 && begun * 100 < held, "{renamed} {held} {begun}");
}
