//! Runs every section of `suite/`: goldens of each stage, wrong programs, sounds, and swaps.

use modurust_runtime::compiler::exec::Backend;
use modurust_tests::facts;
use modurust_tests::suite::{Section, annotations, facts_line, hear, home, judge_errors, sections, stage, updating};
use std::collections::BTreeMap;
use std::fs;

fn all() -> Vec<Section> {
    let mut files: Vec<_> =
        fs::read_dir(home().join("suite")).expect("the suites").flatten().map(|e| e.path()).collect();
    files.sort();
    let mut out = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a suite");
        out.extend(sections(&file.file_name().unwrap_or_default().to_string_lossy(), &text));
    }
    let mut names: Vec<_> = out.iter().map(|s| s.name.clone()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), out.len(), "two sections have the same name");
    out
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults (UPDATE_EXPECT=1 rewrites references)\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn text_stages_match_their_references() {
    let mut faults = Vec::new();
    for section in all() {
        for (name, _) in section.stages.iter().filter(|(s, _)| !matches!(s.as_str(), "audio" | "swap")) {
            let found = match stage(&section, name) {
                Ok(text) => text,
                Err(why) => {
                    faults.push(format!("{}: {name}: {why}", section.place));
                    continue;
                }
            };
            let path = home().join("ref").join(name).join(format!("{}.txt", section.name));
            if updating() {
                fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                fs::write(&path, &found).expect("a reference");
            }
            let wanted = fs::read_to_string(&path).unwrap_or_default();
            if wanted != found {
                let line = wanted.lines().zip(found.lines()).position(|(a, b)| a != b).unwrap_or(0);
                let show = |t: &str| t.lines().nth(line).unwrap_or("(end)").to_string();
                faults.push(format!(
                    "{}: {name} differs in line {}:\n- {}\n+ {}",
                    section.place,
                    line + 1,
                    show(&wanted),
                    show(&found)
                ));
            }
        }
    }
    report(&faults);
}

#[test]
fn printing_is_idempotent() {
    for section in all().iter().filter(|s| annotations(&s.texts[0].1).is_empty()) {
        let once = stage(section, "print").expect("readable");
        let again = Section { texts: vec![(0, once.clone())], ..section.clone() };
        assert_eq!(stage(&again, "print").expect("readable"), once, "{}", section.place);
    }
}

#[test]
fn wrong_programs_are_told_what_their_lines_say() {
    let mut faults = Vec::new();
    let mut wrong = 0;
    for section in all() {
        wrong += usize::from(!annotations(&section.texts[0].1).is_empty());
        if let Err(why) = judge_errors(&section) {
            faults.push(format!("{} {}: {why}", section.place, section.name));
        }
    }
    assert!(wrong >= 20, "the wrong programs are missing");
    report(&faults);
}

#[test]
fn sounds_match_their_lines_in_every_block_size_and_backend() {
    let path = home().join("ref/audio.txt");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let known: BTreeMap<&str, &str> = text.lines().filter_map(|l| Some((l.split_once("  ")?.0, l))).collect();
    let mut lines = Vec::new();
    let mut faults = Vec::new();
    for section in all() {
        for (_, length) in section.stages.iter().filter(|(s, _)| s == "audio" || s == "swap") {
            let jit = match hear(&section, length, Backend::Jit, 64, true) {
                Ok(heard) => heard,
                Err(why) => {
                    faults.push(format!("{}: {why}", section.place));
                    continue;
                }
            };
            if !facts::finite(&jit.samples) {
                faults.push(format!("{}: not finite", section.place));
            }
            for block in [1, 7, 512] {
                let other = hear(&section, length, Backend::Jit, block, true).expect("compiled before");
                if other.hash != jit.hash {
                    faults.push(format!("{}: block {block} sounds different", section.place));
                }
            }
            let interp = hear(&section, length, Backend::Interp, 64, true).expect("compiled before");
            if interp.hash != jit.hash {
                faults.push(format!("{}: the interpreter sounds different", section.place));
            }
            let line = facts_line(&section.name, &jit);
            if !updating() && known.get(section.name.as_str()) != Some(&line.as_str()) {
                let old = known.get(section.name.as_str()).unwrap_or(&"(none)");
                faults.push(format!("{}:\n- {old}\n+ {line}", section.place));
            }
            lines.push(line);
        }
    }
    if updating() {
        fs::create_dir_all(home().join("ref")).expect("a folder");
        fs::write(&path, lines.join("\n") + "\n").expect("a reference");
    }
    report(&faults);
}

/// Frames of the fade after a swap, and the time a parameter is on its way.
const SETTLING: usize = 2400;

#[test]
fn swaps_do_not_click() {
    let mut faults = Vec::new();
    for section in all() {
        let Some((_, length)) = section.stages.iter().find(|(s, _)| s == "swap") else { continue };
        let swapped = hear(&section, length, Backend::Jit, 64, true).expect("compiles");
        // The largest step of any of its programs alone is what a swap may show, and a thousandth.
        let mut allowed: f64 = 0.0;
        let mut level: f64 = 0.0;
        for (_, text) in &section.texts {
            let alone = Section { texts: vec![(0, text.clone())], ..section.clone() };
            let heard = hear(&alone, length, Backend::Jit, 64, false).expect("compiles");
            allowed = allowed.max(largest_step(&heard.samples));
            level = level.max(facts::peak(&heard.samples));
        }
        // A number that jumps is drawn as a line of 256 frames, which even a constant shows.
        if section.name.contains("number") {
            allowed += 2.0 * level / 256.0;
        }
        for (at, _) in &section.texts[1..] {
            let from = (*at as usize).saturating_sub(64) * 2;
            let to = ((*at as usize + SETTLING) * 2).min(swapped.samples.len());
            let step = largest_step(&swapped.samples[from.min(to)..to]);
            if step > allowed + 1e-3 {
                faults.push(format!("{} at {at}: a step of {step:.4}, allowed {allowed:.4}", section.place));
            }
        }
        let before = section.texts.get(1).map_or(0, |(at, _)| *at as usize * 2);
        let unswapped = hear(&section, length, Backend::Jit, 64, false).expect("compiles");
        if swapped.samples[..before] != unswapped.samples[..before] {
            faults.push(format!("{}: the sound before the swap changed", section.place));
        }
        if section.texts.iter().all(|(_, text)| *text == section.texts[0].1) && swapped.hash != unswapped.hash {
            faults.push(format!("{}: swapping in the same program changed the sound", section.place));
        }
    }
    report(&faults);
}

fn largest_step(samples: &[f32]) -> f64 {
    let side = |k: usize| samples.iter().skip(k).step_by(2).copied().collect::<Vec<_>>();
    facts::step(&side(0)).max(facts::step(&side(1)))
}

#[test]
fn a_planted_click_is_seen() {
    let quiet = [0.0f32; 64];
    let mut clicked = quiet;
    clicked[33] = 0.5;
    assert_eq!((largest_step(&quiet), largest_step(&clicked)), (0.0, 0.5));
}
