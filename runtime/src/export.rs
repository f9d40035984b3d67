//! Files that a text asks for: `export song to 'set.wav' stems`, `record master to 'take.wav'`.
//!
//! An export is a rendering of its own, faster than real time, from the start of what is exported to its end and until it has died
//! away. A record writes what plays while it plays. Both name strips; `master` is the whole. With `stems` every strip gets a file of
//! its own, in a folder beside the file: `set-stems` beside `set.wav`.

use crate::device::{RenderOptions, Take};
use crate::launcher::{What, bars};
use crate::song::song_length;
use modurust_compiler::program::Program;
use modurust_compiler::score::Ratio;
use modurust_compiler::score::timeline::ALL;
use modurust_compiler::score::timeline::{Action, Command, Exported, Timeline, When};
use std::path::{Path, PathBuf};

/// Bars of a scene or a strip that does not say how long it is.
const BARS: i64 = 8;

/// A file to be rendered.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// The file.
    pub path: PathBuf,
    /// What is launched for it, in place of what the text launches.
    pub launch: Option<What>,
    /// The strip, if it is not the whole.
    pub strip: Option<String>,
    /// A folder for all strips.
    pub stems: Option<PathBuf>,
    /// Where the music ends, in bars.
    pub end: Ratio,
}

impl Export {
    /// The rendering that makes it.
    pub fn options(&self, mut program: Program) -> RenderOptions<'static> {
        // A part of a song that the text plays is not what is exported.
        if program.timeline.commands.iter().any(parts) {
            let mut timeline = Timeline::clone(&program.timeline);
            timeline.commands.retain(|command| !parts(command));
            program.timeline = timeline.into();
        }
        let most = 24 * 3600 * u64::from(program.patch.sample_rate);
        let (path, strip) = (self.path.clone(), self.strip.clone());
        let limiter = program.timeline.leaves_master_open() && strip.is_none();
        RenderOptions {
            song: Some(self.end),
            launch: self.launch,
            out: strip.is_none().then(|| path.clone()),
            takes: strip.map(|strip| Take { strip, path }).into_iter().collect(),
            stems: self.stems.clone(),
            limiter,
            ..RenderOptions::new(program, most)
        }
    }
}

/// `play song from .. to ..`
fn parts(command: &Command) -> bool {
    matches!(command.action, Action::PlayArrangement { .. })
}

/// The song that plays by itself: its length in bars. One of which a part goes round has no end.
pub fn song(program: &Program) -> Option<Ratio> {
    let timeline = &program.timeline;
    let round = |c: &Command| matches!(c.action, Action::PlayArrangement { to: Some(_), .. });
    let song = timeline.arrangements.first().filter(|_| !timeline.commands.iter().any(round))?;
    Some(song_length(timeline, &program.timing, song)).filter(|length| length.is_positive())
}

/// Commands of a program that are not in the one before.
fn news<'a>(program: &'a Program, before: Option<&'a Program>) -> impl Iterator<Item = &'a Command> {
    let known = move |key: u64| before.is_some_and(|b| b.timeline.commands.iter().any(|c| c.key == key));
    program.timeline.commands.iter().filter(move |command| !known(command.key))
}

/// Exports that a program asks for, and the one before did not.
pub fn exports(program: &Program, before: Option<&Program>) -> Vec<Export> {
    let Program { timeline, timing, .. } = program;
    let whole = || song(program).unwrap_or(Ratio::int(BARS));
    let mut all = Vec::new();
    for command in news(program, before) {
        let Action::Export { what, file, stems } = &command.action else { continue };
        let (launch, end, strip) = match what {
            Exported::Arrangement(song) => {
                let Some(arrangement) = timeline.arrangements.get(*song as usize) else { continue };
                (Some(What::Song(*song)), song_length(timeline, timing, arrangement), None)
            }
            Exported::Scene(scene) => {
                let length = timeline.scenes.get(*scene as usize).and_then(|s| s.length);
                (Some(What::Scene(*scene)), length.map_or(Ratio::int(BARS), |l| bars(l, timing)), None)
            }
            Exported::Strip(strip) => (None, whole(), Some(strip.clone()).filter(|s| s != "master")),
        };
        let path = PathBuf::from(file);
        let stems = stems.then(|| folder(&path));
        all.push(Export { path, launch, strip, stems, end });
    }
    all
}

/// A recording that a text asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What, and where to.
    pub take: Take,
    /// A folder for all strips.
    pub stems: Option<PathBuf>,
    /// With what was played before, as far as it is kept.
    pub preroll: bool,
    /// It begins at a multiple of so many bars; 0 for at once.
    pub grid: Ratio,
    /// The command's key, by which it is found again after an edit.
    pub key: u64,
}

/// Recordings that a program asks for, and the one before did not.
pub fn records(program: &Program, before: Option<&Program>) -> Vec<Record> {
    let quantise = program.timeline.settings.quantise;
    let record = |command: &Command| match &command.action {
        Action::Record { strip, file, stems, preroll } => {
            let path = PathBuf::from(file);
            // All of them go into the folder that is named.
            let all = strip == ALL && !program.timeline.strips.contains(strip);
            let (strip, path, stems) = match (all, *stems) {
                (true, _) => ("master", path.join("master.wav"), Some(path)),
                (false, true) => (strip.as_str(), path.clone(), Some(folder(&path))),
                (false, false) => (strip.as_str(), path, None),
            };
            let grid = match command.at {
                When::Now => Ratio::ZERO,
                When::Next(length) => bars(length, &program.timing),
                When::Quantised => quantise.map_or(Ratio::ZERO, |length| bars(length, &program.timing)),
            };
            let take = Take { strip: strip.to_string(), path };
            Some(Record { take, stems, preroll: *preroll, grid, key: command.key })
        }
        _ => None,
    };
    news(program, before).filter_map(record).collect()
}

/// The folder of a file's stems.
fn folder(path: &Path) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_os_string();
    name.push("-stems");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_lie_beside_the_file() {
        assert_eq!(folder(Path::new("a/set.wav")), Path::new("a/set-stems"));
        assert_eq!(folder(Path::new("set")), Path::new("set-stems"));
    }
}
