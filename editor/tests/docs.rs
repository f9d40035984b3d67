//! The documentation keeps its word: programs in it check, those of the tour sound, and what is generated is as generated.
//!
//! Blocks that open with `modu` are programs; with `modu wrong E0301`, programs with that one mistake; with `modu right`, programs
//! that need only be understood. Commands of the README are run by `readme.rs`. `UPDATE_EXPECT=1` writes generated files anew.

mod common;

use common::{Scratch, blocks, root, run};

/// Every file of documentation.
fn pages() -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = std::fs::read_dir(root().join("docs"))
        .expect("the documentation")
        .flatten()
        .filter(|file| file.path().extension().is_some_and(|e| e == "md"))
        .map(|file| {
            (format!("docs/{}", file.file_name().display()), std::fs::read_to_string(file.path()).expect("text"))
        })
        .collect();
    found.push(("README.md".into(), std::fs::read_to_string(root().join("README.md")).expect("the README")));
    found.sort();
    assert!(found.len() >= 6, "documentation is missing");
    found
}

/// What the programs find beside them: the scale, the samples and the kit of the examples.
fn beside(scratch: &Scratch) {
    let examples = root().join("examples");
    std::fs::create_dir_all(scratch.path().join("dust")).expect("a folder");
    for folder in ["", "dust"] {
        for file in std::fs::read_dir(examples.join(folder)).expect("the examples").flatten() {
            let name = file.file_name();
            if file.path().extension().is_some_and(|end| end == "wav" || end == "scl") {
                std::fs::copy(file.path(), scratch.path().join(folder).join(name)).expect("a copy");
            }
        }
    }
}

#[test]
fn every_block_of_code_is_of_a_known_kind() {
    // What a reader takes for a program or a command must be one that a test looks at.
    let known = |info: &str| {
        let first = info.split(' ').next().unwrap_or("");
        matches!(first, "modu" | "text" | "pest" | "lua" | "toml" | "json") || matches!(info, "sh test" | "sh")
    };
    for (name, text) in pages() {
        let fences: Vec<&str> = text.lines().filter_map(|line| line.trim_start().strip_prefix("```")).collect();
        assert_eq!(fences.len() % 2, 0, "{name}: a block is not closed");
        for info in fences.iter().step_by(2) {
            assert!(known(info.trim()), "{name}: nobody looks at blocks of `{info}`");
        }
    }
}

#[test]
fn every_program_checks() {
    let scratch = Scratch::new();
    beside(&scratch);
    let mut files = Vec::new();
    for (name, text) in pages() {
        for (line, program) in blocks(&text, "modu").into_iter().chain(blocks(&text, "modu right")) {
            files.push((scratch.file(&format!("p{}.modu", files.len()), program), format!("{name}:{line}")));
        }
    }
    assert!(files.len() > 80, "{} programs", files.len());
    let args: Vec<&str> = ["check", "--each", "--json"].into_iter().chain(files.iter().map(|f| f.0.as_str())).collect();
    let found = run(&args).json();
    for problem in found.as_array().expect("an array").iter().filter(|p| p["severity"] == "error") {
        let place = files.iter().find(|f| problem["file"] == f.0.as_str()).map_or("", |f| &f.1);
        // Files and devices that are not here are told as they should be.
        assert_eq!(problem["code"], "file", "{place}: {problem}");
    }
}

#[test]
fn every_wrong_program_has_its_mistake() {
    let scratch = Scratch::new();
    let mut count = 0;
    for (name, text) in pages() {
        let kinds: Vec<String> =
            text.lines().filter_map(|l| l.strip_prefix("```modu wrong ")).map(str::to_string).collect();
        for code in kinds {
            for (line, program) in blocks(&text, &format!("modu wrong {code}")) {
                let file = scratch.file("wrong.modu", program);
                let found = run(&["check", "--json", &file]).expect(1).json();
                let errors = found.as_array().into_iter().flatten().filter(|p| p["severity"] == "error");
                let ids: Vec<&str> = errors.filter_map(|p| p["id"].as_str()).collect();
                assert_eq!(ids, [code.as_str()], "{name}:{line}: {found}");
                count += 1;
            }
        }
    }
    assert!(count > 30, "{count} wrong programs");
}

#[test]
fn every_page_of_the_tour_sounds() {
    let scratch = Scratch::new();
    beside(&scratch);
    let text = std::fs::read_to_string(root().join("docs/language.md")).expect("the tour");
    let programs = blocks(&text, "modu");
    assert!(programs.len() >= 18, "{} programs", programs.len());
    for (line, program) in programs {
        let file = scratch.file("tour.modu", &program);
        let ran = run(&["render", &file, "--for", "4bars", "--json"]).expect(0);
        let peak = ran.json()["peak"].as_f64().unwrap_or(f64::NAN);
        assert!(peak > 0.02 && peak < 1.0, "docs/language.md:{line} peaks at {peak}\n{program}");
        assert!(ran.err.is_empty(), "docs/language.md:{line}\n{}", ran.err);
        let tidy = run(&["fmt", "--check", &file]);
        assert_eq!(tidy.code, 0, "docs/language.md:{line} is not laid out as `modurust fmt` does\n{program}");
    }
    for title in text.lines().filter(|line| line.starts_with("## ")) {
        let page = text.split(title).nth(1).unwrap_or("").split("\n## ").next().unwrap_or("");
        assert!(page.contains("```modu") || title == "## Several files", "{title} has no sound");
    }
}

#[track_caller]
fn is_generated(file: &str, option: &str) {
    let wanted = run(&["doc", option]).expect(0).out;
    let path = root().join(file);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &wanted).expect("a file");
    }
    let is = std::fs::read_to_string(&path).unwrap_or_default();
    let first = is.lines().zip(wanted.lines()).find(|(a, b)| a != b);
    assert!(is == wanted, "{file} is old, first here: {first:?}\nwrite it anew: modurust doc {option} > {file}");
}

#[test]
fn the_reference_is_as_generated() {
    is_generated("docs/reference.md", "--markdown");
}

#[test]
fn the_grammar_for_editors_is_as_generated() {
    is_generated("editor/vscode/syntaxes/modu.tmLanguage.json", "--textmate");
}

#[test]
fn the_extension_names_files_that_are_there() {
    let folder = root().join("editor/vscode");
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(folder.join(name)).expect(name)).expect(name)
    };
    let manifest = read("package.json");
    let contributes = &manifest["contributes"];
    let named = [&manifest["main"], &contributes["grammars"][0]["path"], &contributes["languages"][0]["configuration"]];
    for file in named {
        assert!(folder.join(file.as_str().expect("a name")).exists(), "{file}");
    }
    assert_eq!(contributes["grammars"][0]["scopeName"], read("syntaxes/modu.tmLanguage.json")["scopeName"]);
    assert_eq!(read("language-configuration.json")["comments"]["lineComment"], "//");
}
