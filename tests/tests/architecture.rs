//! The house keeps its plan: crates look one way, names of devices and back ends live in one crate each, files stay small
//! enough to find one's room in, and every file opens with what it is for.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Crates in the order of the flow: each may depend on those before it.
const ORDER: &[&str] = &["lang", "compiler", "runtime", "editor"];
/// Packages that only one crate may name.
const OWNED: &[(&str, &str)] = &[
    ("pest", "lang"),
    ("pest_derive", "lang"),
    ("cranelift-codegen", "compiler"),
    ("cranelift-frontend", "compiler"),
    ("cranelift-jit", "compiler"),
    ("cranelift-module", "compiler"),
    ("cranelift-native", "compiler"),
    ("cpal", "runtime"),
    ("arc-swap", "runtime"),
    ("rosc", "runtime"),
    ("rtrb", "runtime"),
    ("notify", "runtime"),
    ("hound", "runtime"),
    ("flacenc", "runtime"),
    ("symphonia", "runtime"),
    ("rubato", "runtime"),
    ("clap", "editor"),
    ("anyhow", "editor"),
    ("serde", "editor"),
    ("lsp-server", "editor"),
    ("lsp-types", "editor"),
];
/// A file longer than this has more than one idea in it.
const LONGEST: usize = 700;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand in the workspace").to_path_buf()
}

/// Names of a manifest's dependencies, development ones left out.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == "[dependencies]" || line.starts_with("[target.") && line.ends_with("dependencies]");
        } else if inside
            && !line.starts_with('#')
            && let Some((name, _)) = line.split_once('=')
        {
            names.push(name.trim().trim_matches('"').split('.').next().unwrap_or("").to_string());
        }
    }
    names
}

fn violations(manifests: &BTreeMap<String, String>) -> Vec<String> {
    let mut found = Vec::new();
    for (name, text) in manifests {
        let place = ORDER.iter().position(|c| c == name);
        for dependency in dependencies(text) {
            let ours = match dependency.as_str() {
                "modurust" => Some("editor"),
                other => other.strip_prefix("modurust-"),
            };
            if let (Some(ours), Some(place)) = (ours, place) {
                let other = ORDER.iter().position(|c| *c == ours);
                if other.is_none_or(|other| other >= place) {
                    found.push(format!("{name} looks at {ours}"));
                }
            }
            if let Some((_, owner)) = OWNED.iter().find(|(package, _)| *package == dependency)
                && owner != name
            {
                found.push(format!("{name} names {dependency}, which belongs to {owner}"));
            }
        }
    }
    found
}

#[test]
fn crates_look_one_way() {
    let read =
        |name: &str| fs::read_to_string(root().join(name).join("Cargo.toml")).expect("a manifest for every crate");
    let manifests = ORDER.iter().map(|name| (name.to_string(), read(name))).collect();
    assert_eq!(violations(&manifests), Vec::<String>::new());
}

#[test]
fn a_planted_look_back_is_seen() {
    let plant = |name: &str, line: &str| {
        let text = format!("[package]\nname = \"x\"\n[dependencies]\n{line}\n[dev-dependencies]\nmodurust = \"1\"\n");
        violations(&BTreeMap::from([(name.to_string(), text)])).len()
    };
    assert_eq!(plant("lang", "modurust-compiler = { workspace = true }"), 1);
    assert_eq!(plant("compiler", "modurust-compiler.workspace = true"), 1);
    assert_eq!(plant("compiler", "cpal = \"1\""), 1);
    assert_eq!(plant("runtime", "modurust-lang = { workspace = true }"), 0);
}

fn rust_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|n| n != "target") {
                rust_files(&path, out);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let mut files = Vec::new();
    for name in ORDER.iter().chain(&["tests"]) {
        rust_files(&root().join(name), &mut files);
    }
    assert!(files.len() > 40, "the sources were not found");
    let mut faults = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a source");
        let name = file.strip_prefix(root()).unwrap_or(&file).display().to_string();
        if text.lines().count() > LONGEST {
            faults.push(format!("{name} has {} lines", text.lines().count()));
        }
        if !text.starts_with("//!") {
            faults.push(format!("{name} does not open with what it is for"));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn the_library_embeds_every_file() {
    let folder = root().join("stdlib");
    let listed = modurust_runtime::compiler::lang::library::library().modules().collect::<Vec<_>>();
    for entry in fs::read_dir(folder).expect("the library").flatten() {
        let name = entry.file_name().to_string_lossy().to_string();
        if let Some(module) = name.strip_suffix(".modu") {
            assert!(listed.contains(&module), "{name} is not embedded: add it to lang/src/library.rs");
        }
    }
}
