//! The library beside Faust: answers of functions in double precision, some well known, most with parameters drawn by chance,
//! against what the library's definitions make of the same input.
//!
//! The facts lie in `ref/faust` and `ref/faust/drawn`, a file of doubles for each line of their `cases.txt`. With
//! `FAUST_CASES=FOLDER` the cases of another folder are compared, such as `scripts/faust_cases.py --seed 7 --each 20 FOLDER` draws.
//! `-- --nocapture` prints how far each is off, by exact passes or by those that change rounding, whichever is worse.

use modurust_tests::sound::{hear, hear_fast};
use modurust_tests::suite::home;
use std::path::{Path, PathBuf};

/// A line of `cases.txt`.
struct Case {
    name: String,
    frames: usize,
    outputs: usize,
    tolerance: f64,
    theirs: String,
    ours: String,
}

fn cases(folder: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(folder.join("cases.txt")).expect("a list of cases");
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let [name, frames, outputs, tolerance, theirs, ours] =
                line.split(" | ").collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("six columns: {line}"));
            let count = |n: &str| n.parse().expect("a number");
            Case {
                name: name.into(),
                frames: count(frames),
                outputs: count(outputs),
                tolerance: tolerance.parse().expect("a number"),
                theirs: theirs.into(),
                ours: ours.into(),
            }
        })
        .collect()
}

/// The largest difference of a case, relative to the peak of the reference, and its frame.
fn error(folder: &Path, case: &Case) -> (f64, usize) {
    let bytes = std::fs::read(folder.join(format!("{}.f64", case.name))).expect("the answer of a case");
    let want: Vec<f64> = bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().expect("eight"))).collect();
    assert_eq!(want.len(), case.frames * case.outputs, "{}", case.name);
    let peak = want.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let mut worst = (0.0, 0);
    for hear in [hear, hear_fast] {
        let sides = hear(&case.ours, case.frames as f64 / 48_000.0 + 0.001);
        for (i, frame) in want.chunks(case.outputs).enumerate() {
            for (want, side) in frame.iter().zip(&sides) {
                let off = (want - f64::from(side[i])).abs() / peak;
                // What is no number is as wrong as can be.
                if off.is_nan() || off > worst.0 {
                    worst = (if off.is_nan() { f64::INFINITY } else { off }, i);
                }
            }
        }
    }
    worst
}

fn judge(folder: &Path) {
    let mut faults = Vec::new();
    let cases = cases(folder);
    for case in &cases {
        let (off, at) = error(folder, case);
        println!("{off:.1e} of {:.0e} at {at:>4}  {}  =  {}", case.tolerance, case.theirs, case.ours);
        if off > case.tolerance {
            faults.push(format!(
                "{}: {off:.2e} at frame {at}, not {:.0e}: {} = {}",
                case.name, case.tolerance, case.theirs, case.ours
            ));
        }
    }
    println!("{} of {} cases differ", faults.len(), cases.len());
    assert!(!cases.is_empty(), "no cases in {}", folder.display());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn well_known_functions_answer_as_in_faust() {
    judge(&home().join("ref/faust"));
}

#[test]
fn functions_with_drawn_parameters_answer_as_in_faust() {
    judge(&std::env::var("FAUST_CASES").map_or_else(|_| home().join("ref/faust/drawn"), PathBuf::from));
}

#[test]
fn a_difference_is_seen() {
    let folder = home().join("ref/faust");
    let mut case = cases(&folder).into_iter().find(|case| case.name == "lowpass2").expect("a case");
    case.ours = "impulse(0hz) >> butter_lp(1000.1hz)".into();
    assert!(error(&folder, &case).0 > case.tolerance);
}
