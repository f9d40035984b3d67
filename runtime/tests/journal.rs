//! The journal against crashes: a disk that forgets in every way that is allowed, a process that is killed while it saves, and files of any bytes.
//! What is recovered must be what was kept last, or something later that was on its way; never less, and never half of it.

use modurust_runtime::compiler::lang::dice::Dice;
use modurust_runtime::disk::{Disk, Files};
use modurust_runtime::journal::{Entry, Journal, State, Texts};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Result, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What a disk was asked for.
#[derive(Clone, Debug)]
enum Op {
    Write(PathBuf, Vec<u8>),
    Append(PathBuf, Vec<u8>),
    Truncate(PathBuf, u64),
    Sync(PathBuf),
    Rename(PathBuf, PathBuf),
    SyncFolder,
}

type Folder = BTreeMap<PathBuf, Vec<u8>>;

/// A disk that does all it is asked for, and remembers what that was.
#[derive(Clone, Default)]
struct Told {
    files: Folder,
    ops: Vec<Op>,
}

impl Told {
    fn new(files: Folder) -> Told {
        Told { files, ops: Vec::new() }
    }

    fn file(&mut self, path: &Path) -> &mut Vec<u8> {
        self.files.entry(path.to_path_buf()).or_default()
    }
}

impl Disk for Told {
    fn read(&mut self, path: &Path) -> Result<Option<Vec<u8>>> {
        Ok(self.files.get(path).cloned())
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> Result<()> {
        *self.file(path) = bytes.to_vec();
        self.ops.push(Op::Write(path.into(), bytes.into()));
        Ok(())
    }

    fn append(&mut self, path: &Path, bytes: &[u8]) -> Result<()> {
        self.file(path).extend(bytes);
        self.ops.push(Op::Append(path.into(), bytes.into()));
        Ok(())
    }

    fn truncate(&mut self, path: &Path, bytes: u64) -> Result<()> {
        self.file(path).truncate(bytes as usize);
        self.ops.push(Op::Truncate(path.into(), bytes));
        Ok(())
    }

    fn sync(&mut self, path: &Path) -> Result<()> {
        self.ops.push(Op::Sync(path.into()));
        Ok(())
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        let bytes = self.files.remove(from).expect("it was written");
        self.files.insert(to.into(), bytes);
        self.ops.push(Op::Rename(from.into(), to.into()));
        Ok(())
    }

    fn sync_folder(&mut self, _: &Path) -> Result<()> {
        self.ops.push(Op::SyncFolder);
        Ok(())
    }
}

/// A sector is written as a whole or not at all.
const SECTOR: usize = 512;

/// A file on a disk that may lose power: what is kept, and what it would be with all that is on its way.
#[derive(Clone, Default)]
struct Blob {
    kept: Vec<u8>,
    now: Vec<u8>,
}

impl Blob {
    /// What is there after the power was cut: of every sector one of both, and a length between both.
    fn crashed(&self, r: &mut Dice) -> Vec<u8> {
        let (short, long) = (self.kept.len().min(self.now.len()), self.kept.len().max(self.now.len()));
        let length = if r.chance(50) { self.now.len() } else { short + r.below(long - short + 1) };
        let sector = |from: &[u8], at: usize| from.get(at).copied().unwrap_or(0);
        let mut bytes = Vec::with_capacity(length);
        for start in (0..length).step_by(SECTOR) {
            let new = r.chance(50);
            let from = if new { &self.now } else { &self.kept };
            bytes.extend((start..length.min(start + SECTOR)).map(|at| sector(from, at)));
        }
        bytes
    }
}

/// What is left of `ops` when the power is cut after them.
fn crash(before: &Folder, ops: &[Op], r: &mut Dice) -> Folder {
    // Names point to blobs. Those of the folder as it was synced last, and each change since.
    let mut blobs: Vec<Blob> = before.values().map(|bytes| Blob { kept: bytes.clone(), now: bytes.clone() }).collect();
    let mut kept: BTreeMap<PathBuf, usize> = before.keys().cloned().zip(0..).collect();
    let mut now = kept.clone();
    let mut moves: Vec<(Option<PathBuf>, PathBuf, usize)> = Vec::new();
    for op in ops {
        match op {
            Op::Write(path, bytes) => match now.get(path) {
                Some(&blob) => blobs[blob].now.clone_from(bytes),
                None => {
                    blobs.push(Blob { kept: Vec::new(), now: bytes.clone() });
                    now.insert(path.clone(), blobs.len() - 1);
                    moves.push((None, path.clone(), blobs.len() - 1));
                }
            },
            Op::Append(path, bytes) => blobs[now[path]].now.extend(bytes),
            Op::Truncate(path, length) => blobs[now[path]].now.truncate(*length as usize),
            Op::Sync(path) => {
                let blob = &mut blobs[now[path]];
                blob.kept.clone_from(&blob.now);
            }
            Op::Rename(from, to) => {
                let blob = now.remove(from).expect("it is there");
                now.insert(to.clone(), blob);
                moves.push((Some(from.clone()), to.clone(), blob));
            }
            Op::SyncFolder => {
                kept.clone_from(&now);
                moves.clear();
            }
        }
    }
    // Some of the changes of names have come through, in their order.
    let through = r.below(moves.len() + 1);
    for (from, to, blob) in &moves[..through] {
        if let Some(from) = from {
            kept.remove(from);
        }
        kept.insert(to.clone(), *blob);
    }
    kept.into_iter().map(|(path, blob)| (path, blobs[blob].crashed(r))).collect()
}

fn texts(number: u64, length: usize) -> Entry {
    let text = format!("out = sin({number}hz) // {}\n", "x".repeat(length));
    let texts = Texts::from([("a.modu".to_string(), text), ("b.modu".to_string(), number.to_string())]);
    Entry::Texts { roots: vec!["a.modu".into()], texts, good: !number.is_multiple_of(3) }
}

fn some(r: &mut Dice, number: u64) -> Entry {
    match r.below(6) {
        0 => Entry::Number { name: format!("bass.cutoff{}", r.below(3)), value: number as f32 },
        1 => Entry::Place { bars: number as f64 / 3.0, at: number },
        2 => Entry::Tempo(number as f64),
        3 => Entry::Snap { letter: ['A', 'H', 'é'][r.below(3)], text: format!("out = sin({number}hz)\n") },
        4 => Entry::Clip {
            set: ("drums".into(), ["drums", "beats"][r.below(2)].into()),
            clip: [None, Some("fill".into()), Some(String::new())][r.below(3)].clone(),
            since: number as f64 / 4.0,
            by_hand: r.chance(70),
        },
        _ => {
            let length = [10, 400, 1500][r.below(3)];
            texts(number, length)
        }
    }
}

const PATH: &str = "song/.modurust/a.modu";

#[test]
fn a_power_cut_anywhere_leaves_what_was_kept_or_what_came_next() {
    let (mut cuts, mut later) = (0, 0);
    for seed in 0..12 {
        let mut r = Dice::new(seed);
        // Three lives of a journal, each from what the last cut has left.
        let mut files = Folder::new();
        let mut known = State::default();
        for life in 0..3 {
            let mut journal = Journal::open(Told::new(files.clone()), Path::new(PATH)).expect("no disk fails here");
            assert_eq!(*journal.state(), known, "seed {seed}, life {life}");
            // After how many operations which state was there, and whether it was kept.
            let mut states = vec![(0, known.clone())];
            let mut synced = vec![(0, 0)];
            for number in 0..12u64 {
                journal.append(some(&mut r, 100 * life + number)).expect("no disk fails here");
                states.push((journal.disk().ops.len(), journal.state().clone()));
                if r.chance(60) {
                    if r.chance(20) { journal.snapshot() } else { journal.sync() }.expect("no disk fails here");
                    synced.push((journal.disk().ops.len(), states.len() - 1));
                }
            }
            let ops = journal.disk().ops.clone();
            for cut in 0..=ops.len() {
                let least = synced.iter().rev().find(|(at, _)| *at <= cut).map_or(0, |(_, state)| *state);
                for _ in 0..8 {
                    let left = crash(&files, &ops[..cut], &mut r);
                    let found = Journal::open(Told::new(left), Path::new(PATH)).expect("any files can be opened");
                    // All that was asked for is told when it is done: one more may have been on its way.
                    let most = states.iter().rposition(|(at, _)| *at <= cut).map_or(0, |i| i + 1);
                    let at = states[least..states.len().min(most + 1)].iter().position(|(_, s)| s == found.state());
                    let Some(at) = at else {
                        panic!("seed {seed}, life {life}, cut {cut}: {:?}\n{:?}", found.state(), &ops[..cut]);
                    };
                    later += usize::from(at > 0);
                    cuts += 1;
                }
            }
            files = crash(&files, &ops, &mut r);
            let found = Journal::open(Told::new(files.clone()), Path::new(PATH)).expect("any files can be opened");
            known = found.state().clone();
        }
    }
    assert!(cuts > 5_000 && later > 100, "{cuts} cuts, {later} with more than was kept");
}

/// A journal that takes the order of writing for granted is caught by the same disk.
#[test]
fn a_snapshot_that_is_not_synced_is_lost() {
    let mut r = Dice::new(5);
    let lost = (0..200).any(|_| {
        let mut disk = Told::default();
        disk.write(Path::new("a.new"), &[7; 2000]).expect("it is written");
        disk.rename(Path::new("a.new"), Path::new("a")).expect("it is renamed");
        disk.sync_folder(Path::new(".")).expect("names are kept");
        crash(&Folder::new(), &disk.ops, &mut r).get(Path::new("a")) != Some(&vec![7; 2000])
    });
    assert!(lost, "a disk that loses nothing finds no fault");
}

#[test]
fn any_bytes_are_survived() {
    let mut r = Dice::new(9);
    let mut journal = Journal::open(Told::default(), Path::new(PATH)).expect("no disk fails here");
    (0..30).for_each(|number| journal.append(some(&mut r, number)).expect("no disk fails here"));
    journal.snapshot().expect("no disk fails here");
    let whole = journal.disk().files.clone();
    for round in 0..3000 {
        let mut files = whole.clone();
        for bytes in files.values_mut() {
            match round % 3 {
                0 => bytes.truncate(r.below(bytes.len() + 1)),
                1 => (0..1 + r.below(8)).for_each(|_| {
                    let at = r.below(bytes.len());
                    bytes[at] = r.below(256) as u8;
                }),
                _ => *bytes = (0..r.below(200)).map(|_| r.below(256) as u8).collect(),
            }
        }
        let mut journal = Journal::open(Told::new(files), Path::new(PATH)).expect("any files can be opened");
        journal.append(Entry::Tempo(round as f64)).expect("no disk fails here");
        let known = journal.state().clone();
        let files = journal.disk().files.clone();
        let again = Journal::open(Told::new(files), Path::new(PATH)).expect("any files can be opened");
        assert_eq!(*again.state(), known, "what is added to a mended log is read again");
    }
}

/// Where a test process is told to save for ever, until it is killed.
const CHILD: &str = "MODURUST_JOURNAL_CHILD";

#[test]
fn child() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let mut journal = Journal::open(Files::default(), Path::new(&path)).expect("the folder can be written to");
    let first = journal.state().last.get("b.modu").and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    for number in first + 1.. {
        journal.append(texts(number, (number % 50) as usize * 40)).expect("the disk has room");
        journal.sync().expect("the disk has room");
        if number % 7 == 0 {
            journal.snapshot().expect("the disk has room");
        }
        let mut out = std::io::stdout();
        writeln!(out, "kept {number}").and_then(|()| out.flush()).expect("somebody listens");
    }
}

/// `KILLS=2000` for as many as docs/reliability.md tells of.
#[test]
fn a_kill_while_saving_loses_nothing_that_was_kept() {
    let kills: u64 = std::env::var("KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let folder = std::env::temp_dir().join(format!("modurust-journal-{}", std::process::id()));
    let path = folder.join("piece");
    let mut r = Dice::new(3);
    let (mut kept, mut saved) = (0u64, 0u64);
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().expect("a test has a file"))
            .args(["child", "--exact", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a test can be run again");
        let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut tell = |kept: &mut u64| {
            let mut line = String::new();
            let read = out.read_line(&mut line).unwrap_or(0);
            // The harness writes the name of the test before the first of them.
            if let Some(number) = line.rsplit("kept ").next().filter(|_| line.ends_with('\n'))
                && let Ok(number) = number.trim().parse()
            {
                *kept = number;
                saved += 1;
            }
            read > 0
        };
        let before = kept;
        while kept == before && tell(&mut kept) {}
        std::thread::sleep(Duration::from_micros(r.below(3000) as u64));
        child.kill().expect("it runs");
        child.wait().expect("it has ended");
        while tell(&mut kept) {}
        let journal = Journal::open(Files::default(), &path).expect("any files can be opened");
        let found = journal.state().last["b.modu"].parse::<u64>().expect("a number");
        assert!(found == kept || found == kept + 1, "kill {kill}: {found} is there, {kept} was kept");
        assert_eq!(State { good: Texts::new(), ..journal.state().clone() }, {
            let mut state = State::default();
            state.apply(texts(found, (found % 50) as usize * 40));
            State { good: Texts::new(), ..state }
        });
        kept = found;
    }
    println!("{kills} kills, {saved} saves");
    std::fs::remove_dir_all(&folder).expect("it is there");
    assert!(saved > kills);
}
