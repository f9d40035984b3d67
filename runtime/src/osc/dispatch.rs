//! From messages to commands, and from questions to answers.
//!
//! One for all peers, without a socket or a clock of its own: whoever has these gives it packets and moments, and sends what it answers.
//! A message acts through the session, as a hand does; its addresses are those of the program that was published last. What belongs to
//! a bundle with a time waits here until then.
//!
//! Wrong messages are answered by `/error address reason`, a few times a second at most: who sends nonsense gets no flood back.

use super::codec::{Timed, number, unpack};
use super::counters::{Counters, count};
use super::space::{Access, Place, Space, Target, meant, part};
use super::subscribe::Subscriptions;
use super::time::{Moment, Tag};
use crate::command::{Command, Perform};
use crate::feedback::Feedback;
use crate::launcher::Quantise;
use crate::remote::Remote;
use crate::wish::in_place;
use modurust_compiler::program::{Patch, Program};
use modurust_compiler::score::Ratio;
use rosc::{OscMessage, OscType};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

/// Messages that may wait for their time.
pub const WAITING: usize = 4096;
/// How far ahead a time may lie, seconds.
pub const AHEAD: f64 = 3600.0;
/// So long before its time a message goes to the engine, seconds: names are looked up as late as may be, and all is there in time.
const LEAD: f64 = 0.1;
/// Passed by no more than this a time is now: messages need some time to come.
const SLACK: f64 = 1e-3;
/// Errors that are answered in a second.
const ERRORS: u32 = 20;
/// Feedbacks until what was told is seen in them.
const SETTLED: u64 = 3;

/// Who sent something, and gets the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// A datagram's sender.
    Udp(SocketAddr),
    /// A connection, by its number.
    Tcp(u64),
}

type Answers = Vec<(Peer, OscMessage)>;

/// Statements for the text, and where what comes of them is told.
pub struct Eval {
    /// The statements.
    pub text: String,
    /// For one answer.
    pub reply: Sender<String>,
}

/// Numbers of parameters by their names.
type Places = HashMap<Arc<str>, usize>;

/// The state behind the sockets.
pub struct Dispatcher {
    remote: Remote,
    counters: Arc<Counters>,
    space: Arc<Space>,
    of: Option<Program>,
    /// Places of parameters in the feedback, by the patch that it speaks of.
    places: Option<(Arc<Patch>, Places)>,
    start: Tag,
    /// The frame at which what is being carried out is to act.
    frame: Option<u64>,
    /// By moments since the start, and in the order in which they came.
    waiting: BTreeMap<(u64, u64), (OscMessage, Peer)>,
    came: u64,
    subscriptions: Subscriptions,
    /// What addresses were told, and the feedback of that moment.
    told: HashMap<String, (OscType, u64)>,
    errors: (Instant, u32),
    /// Strips that are heard alone, and how all were muted before.
    solo: BTreeSet<String>,
    muted: BTreeMap<String, f32>,
    /// Who puts statements into the text, and who waits for that.
    evaluator: Option<Sender<Eval>>,
    evaluated: Vec<(Peer, Receiver<String>)>,
}

/// One message, with the answer's address the same.
fn say(address: &str, args: Vec<OscType>) -> OscMessage {
    OscMessage { addr: address.to_string(), args }
}

/// Whether a message to something that is done once means to do it.
fn pressed(args: &[OscType]) -> bool {
    args.first().and_then(number).is_none_or(|x| x != 0.0)
}

/// The address of a name as the text has it.
fn slashed(name: &str) -> String {
    if name.starts_with('/') { name.to_string() } else { format!("/{}", part(name)) }
}

/// An answer to somebody who asked for a name: under `/value/` and that name.
fn under(name: &str, value: OscMessage) -> OscMessage {
    if name.starts_with('/') { value } else { OscMessage { addr: format!("/value/{name}"), ..value } }
}

fn text(args: &[OscType]) -> Option<&str> {
    match args.first() {
        Some(OscType::String(text)) => Some(text),
        _ => None,
    }
}

fn whole(count: u64) -> OscType {
    OscType::Int(i32::try_from(count).unwrap_or(i32::MAX))
}

impl Dispatcher {
    /// For a session, at this moment.
    pub fn new(remote: Remote, counters: Arc<Counters>, now: Moment) -> Dispatcher {
        Dispatcher {
            remote,
            counters,
            space: Arc::default(),
            of: None,
            places: None,
            start: now.tag,
            frame: None,
            waiting: BTreeMap::new(),
            came: 0,
            subscriptions: Subscriptions::default(),
            told: HashMap::new(),
            errors: (Instant::now(), 0),
            solo: BTreeSet::new(),
            muted: BTreeMap::new(),
            evaluator: None,
            evaluated: Vec::new(),
        }
    }

    /// Who carries out `/eval`.
    pub fn evaluates(&mut self, evaluator: Sender<Eval>) {
        self.evaluator = Some(evaluator);
    }

    /// The addresses of the program that was published last.
    pub fn space(&mut self) -> Arc<Space> {
        let program = self.remote.program();
        let same = match (&self.of, &program) {
            (Some(a), Some(b)) => {
                Arc::ptr_eq(&a.patch, &b.patch)
                    && Arc::ptr_eq(&a.timeline, &b.timeline)
                    && Arc::ptr_eq(&a.knobs, &b.knobs)
            }
            (a, b) => a.is_none() && b.is_none() && self.space.iter().next().is_some(),
        };
        if !same {
            let silence = || crate::engine::silence(crate::device::DEFAULT_RATE).ok();
            self.space = program.clone().or_else(silence).as_ref().map(Space::of).unwrap_or_default().into();
            self.of = program;
        }
        Arc::clone(&self.space)
    }

    /// Takes a packet that came at this moment.
    pub fn receive(&mut self, bytes: &[u8], from: Peer, now: Moment) -> Answers {
        count(&self.counters.packets);
        let mut answers = Vec::new();
        let messages = match unpack(bytes) {
            Ok(messages) => messages,
            Err(why) => {
                why.count(&self.counters);
                return answers;
            }
        };
        for Timed { at, message } in messages {
            count(&self.counters.messages);
            match at.map(|at| (at, at.since(now.tag))) {
                Some((_, ahead)) if ahead > AHEAD || ahead > 0.0 && self.waiting.len() >= WAITING => {
                    count(&self.counters.crowded);
                    let why = if ahead > AHEAD {
                        "its time is more than an hour ahead"
                    } else {
                        "too many wait for their time"
                    };
                    self.complain(&message.addr, || why.into(), from, &mut answers);
                }
                Some((at, ahead)) if ahead > self.lead() => {
                    self.came += 1;
                    self.waiting.insert((at.0.wrapping_sub(self.start.0), self.came), (message, from));
                }
                late => {
                    if late.is_some_and(|(_, ahead)| ahead < -SLACK) {
                        count(&self.counters.late);
                    }
                    self.timely(&message, from, late.map(|(at, _)| now.instant_of(at)), &mut answers);
                }
            }
        }
        answers
    }

    /// What is due at this moment: messages that waited, and subscriptions.
    pub fn tick(&mut self, now: Moment) -> Answers {
        let mut answers = Vec::new();
        let due = now.tag.after(Duration::from_secs_f64(self.lead())).0.wrapping_sub(self.start.0);
        while let Some(first) = self.waiting.first_entry().filter(|first| first.key().0 <= due) {
            let at = now.instant_of(Tag(self.start.0.wrapping_add(first.key().0)));
            let (message, from) = first.remove();
            self.timely(&message, from, Some(at), &mut answers);
        }
        let (space, feedback) = (self.space(), self.remote.feedback());
        self.told.retain(|_, (_, number)| feedback.number < *number + SETTLED);
        let mut subscriptions = std::mem::take(&mut self.subscriptions);
        answers.extend(subscriptions.due(Instant::now(), |name| {
            let slashed = slashed(name);
            let found = space.matching(&slashed);
            let values = found.into_iter().filter_map(|(address, place)| self.value(address, place, &feedback));
            values.map(|value| under(name, value)).collect()
        }));
        self.subscriptions = subscriptions;
        self.evaluated.retain(|(from, answer)| match answer.try_recv() {
            Ok(text) => {
                answers.push((*from, say("/eval", vec![OscType::String(text)])));
                false
            }
            Err(why) => why == TryRecvError::Empty,
        });
        answers
    }

    /// How many messages wait for their time.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Somebody is gone.
    pub fn forget(&mut self, peer: Peer) {
        self.subscriptions.forget(peer);
    }

    fn complain(&mut self, address: &str, why: impl FnOnce() -> String, from: Peer, answers: &mut Answers) {
        if self.errors.0.elapsed() >= Duration::from_secs(1) {
            self.errors = (Instant::now(), 0);
        }
        if self.errors.1 < ERRORS {
            self.errors.1 += 1;
            answers.push((from, say("/error", vec![OscType::String(address.to_string()), OscType::String(why())])));
        }
    }

    /// Carries a message out at a moment, if its bundle says when: what it asks of the session acts at the frame of that moment.
    fn timely(&mut self, message: &OscMessage, from: Peer, at: Option<Instant>, answers: &mut Answers) {
        self.frame = at.and_then(|at| self.remote.meters().clock.frame_at(at));
        self.handle(message, from, at.is_some(), answers);
        self.frame = None;
    }

    /// How long before its time a message can go on its way: not at all while no device plays.
    fn lead(&self) -> f64 {
        if self.remote.meters().clock.runs() { LEAD } else { 0.0 }
    }

    /// Asks the session for something, at the frame of now.
    fn send(&self, command: Command) {
        self.remote.send(match self.frame {
            Some(frame) => Command::At { frame, command: Box::new(command) },
            None => command,
        });
    }

    /// Carries a message out; `timed` if its bundle says when.
    fn handle(&mut self, message: &OscMessage, from: Peer, timed: bool, answers: &mut Answers) {
        let OscMessage { addr, args } = message;
        if addr == "/error" {
            // Two programs that answer each other's errors would never end.
            return count(&self.counters.unknown);
        }
        if args.iter().filter_map(number).any(|x| !x.is_finite() || !(x as f32).is_finite()) {
            count(&self.counters.not_numbers);
            return self.complain(addr, || "a value is not a finite number".into(), from, answers);
        }
        let space = self.space();
        let mut found = space.matching(addr);
        let mut asked = None;
        let other = meant(addr).filter(|_| found.is_empty());
        if let Some((other, asks)) = &other {
            found = space.matching(other);
            asked = asks.then(|| addr.trim_start_matches("/get/"));
        }
        if found.is_empty() {
            count(&self.counters.unknown);
            let near = || space.near(addr).map_or(String::new(), |near| format!(": did you mean {near}"));
            return self.complain(addr, || format!("there is no such address{}", near()), from, answers);
        }
        let (mut fits, mut wrong) = (false, false);
        for (address, place) in found {
            let done = match asked {
                Some(name) => self.answer((address, place), name, from, answers),
                None => self.tell((address, place), args, (from, timed), answers),
            };
            match done {
                Ok(()) => fits = true,
                Err(why) => {
                    wrong = true;
                    self.complain(address, || why, from, answers);
                }
            }
        }
        // A pattern may fit some of what it means.
        if fits {
            count(&self.counters.accepted);
        }
        if wrong {
            count(&self.counters.refused);
        }
    }

    /// Tells or asks an address. `Err` says what it wants instead.
    fn tell(
        &mut self,
        (address, place): (&str, &Place),
        args: &[OscType],
        (from, timed): (Peer, bool),
        answers: &mut Answers,
    ) -> Result<(), String> {
        if args.is_empty() && place.access != Access::Write {
            return self.answer((address, place), address, from, answers);
        }
        for target in &place.targets {
            if target.is_trigger() && !pressed(args) {
                continue;
            }
            self.act(address, (place, target), args, (from, timed), answers)?;
        }
        Ok(())
    }

    /// Answers with a value, under the name by which it was asked for.
    fn answer(
        &mut self,
        (address, place): (&str, &Place),
        name: &str,
        from: Peer,
        answers: &mut Answers,
    ) -> Result<(), String> {
        let feedback = self.remote.feedback();
        let value = self.value(address, place, &feedback).ok_or("it has no value")?;
        answers.push((from, under(name, value)));
        Ok(())
    }

    fn act(
        &mut self,
        address: &str,
        (place, target): (&Place, &Target),
        args: &[OscType],
        (from, timed): (Peer, bool),
        answers: &mut Answers,
    ) -> Result<(), String> {
        // A bundle's own time is when it launches; a message waits for the session's `quantise`.
        let at = timed.then_some(Quantise::Now);
        let launch = |path: String, launch: bool| Command::Perform(Perform::Launch { path, launch, legato: false, at });
        let value = || {
            let x = args.first().and_then(number).filter(|_| args.len() == 1).ok_or("it wants one number")? as f32;
            Ok::<f32, String>(place.range.map_or(x, |(low, high)| x.max(low.min(high)).min(high.max(low))))
        };
        let named = || match text(args) {
            Some(name) if place.names.is_empty() || place.names.iter().any(|known| known == name) => Ok(name),
            Some(name) => Err(format!("there is no `{name}`: there are {}", place.names.join(", "))),
            None => Err("it wants a name".to_string()),
        };
        let mut answer = |args: Vec<OscType>| answers.push((from, say(address, args)));
        let pairs = |all: Vec<(&str, OscType)>| {
            all.into_iter().flat_map(|(name, value)| [OscType::String(name.to_string()), value]).collect()
        };
        let command = match target {
            Target::Param(name) => {
                let value = value()?;
                self.remember(address, OscType::Float(value));
                Command::Param { name: name.clone(), value }
            }
            Target::Clip(track) => launch(format!("{track}.{}", named()?), true),
            Target::Launch(path) => launch(path.clone(), true),
            Target::Stop(path) => launch(path.clone(), false),
            Target::Scene | Target::Song => launch(named()?.to_string(), true),
            Target::LaunchNamed => launch(text(args).ok_or("it wants a name, such as drums.fill")?.to_string(), true),
            Target::StopNamed => match text(args) {
                Some(name) => launch(name.to_string(), false),
                None => {
                    self.launched().into_iter().for_each(|path| self.send(launch(path, false)));
                    return Ok(());
                }
            },
            Target::Play => Command::Play,
            Target::Pause => Command::Pause,
            Target::Hush => Command::Hush,
            Target::Panic => Command::Panic,
            Target::Tap => Command::Perform(Perform::Tap),
            Target::Seek => Command::Seek(Ratio::from_f64(f64::from(value()?) - 1.0)),
            Target::Tempo => {
                let bpm = value()?;
                self.remember(address, OscType::Float(bpm));
                Command::Tempo(Ratio::from_f64(f64::from(bpm)))
            }
            Target::Nudge => Command::Perform(Perform::Nudge(f64::from(value()?))),
            Target::Metronome => Command::Perform(Perform::Metronome(value()? != 0.0)),
            Target::Solo(strip) => {
                let on = value()? != 0.0;
                self.solo(strip, on);
                return Ok(());
            }
            Target::Eval => {
                let text = text(args).ok_or("it wants statements")?.to_string();
                let (reply, answer) = channel();
                let taken = self.evaluator.as_ref().is_some_and(|to| to.send(Eval { text, reply }).is_ok());
                self.evaluated.push((from, answer));
                return if taken { Ok(()) } else { Err("nobody evaluates here".into()) };
            }
            Target::Playing | Target::Meter(_) | Target::Spectrum => return Err("it can only be asked".into()),
            Target::List => {
                let (begin, space) = (text(args).unwrap_or(""), self.space());
                let listed = space.iter().filter(|(known, _)| known.starts_with(begin));
                for (known, place) in listed {
                    let words = [known, place.tags, &place.doc].map(|word| OscType::String(word.to_string()));
                    answer(words.into_iter().collect());
                }
                answer(Vec::new());
                return Ok(());
            }
            Target::Status => {
                answer(pairs(self.status()));
                return Ok(());
            }
            Target::Counters => {
                answer(pairs(self.counters.all().into_iter().map(|(name, n)| (name, whole(n))).collect()));
                return Ok(());
            }
            Target::Version => {
                answer(vec![OscType::String(env!("CARGO_PKG_VERSION").into())]);
                return Ok(());
            }
            Target::Subscribe => {
                let wanted = text(args).ok_or("it wants an address, and how often a second: /bass/level 10")?;
                let space = self.space();
                let found = space.matching(&slashed(wanted)).iter().any(|(_, place)| place.access != Access::Write);
                if !found {
                    return Err(format!("{wanted} has no value"));
                }
                let rate = args.get(1).and_then(number).unwrap_or(10.0);
                return self.subscriptions.add(from, wanted, rate, Instant::now());
            }
            Target::Unsubscribe => {
                let wanted = text(args).ok_or("it wants an address")?;
                let known = self.subscriptions.remove(from, wanted);
                return if known { Ok(()) } else { Err(format!("{wanted} is not subscribed")) };
            }
        };
        self.send(command);
        Ok(())
    }

    /// What was told is the answer until it is seen in the feedback; what is for later is not yet.
    fn remember(&mut self, address: &str, value: OscType) {
        if self.frame.is_some() {
            return;
        }
        let number = self.remote.feedback().number;
        self.told.insert(address.to_string(), (value, number));
    }

    /// Strips that are heard alone mute the others, as `solo` in a text does; the last that ends leaves all as they were.
    fn solo(&mut self, strip: &str, on: bool) {
        let feedback = self.remote.feedback();
        let Some(timeline) = self.of.as_ref().map(|program| Arc::clone(&program.timeline)) else { return };
        let strips: Vec<&String> = timeline.strips.iter().filter(|strip| *strip != "master").collect();
        if self.solo.is_empty() {
            let muted = |strip: &String| feedback.value(&format!("{strip}.mute")).unwrap_or(0.0);
            self.muted = strips.iter().map(|strip| (strip.to_string(), muted(strip))).collect();
        }
        if on {
            self.solo.insert(strip.to_string());
        } else {
            self.solo.remove(strip);
        }
        let open = in_place(&timeline, self.solo.iter().map(String::as_str));
        for strip in strips {
            let before = self.muted.get(strip).copied().unwrap_or(0.0);
            let heard = self.solo.is_empty() || open.contains(strip.as_str());
            let value = if heard { before } else { 1.0 };
            self.send(Command::Param { name: format!("{strip}.mute"), value });
        }
    }

    /// Names of all that can be stopped.
    fn launched(&self) -> Vec<String> {
        let Some(timeline) = self.of.as_ref().map(|program| &program.timeline) else { return Vec::new() };
        let tracks = timeline.sets.iter().map(|set| if set.strip.is_empty() { &set.binding } else { &set.strip });
        let mut names: Vec<String> = timeline.arrangements.first().map(|song| song.name.clone()).into_iter().collect();
        for track in tracks {
            if !names.contains(track) {
                names.push(track.clone());
            }
        }
        names
    }

    fn status(&self) -> Vec<(&'static str, OscType)> {
        let feedback = self.remote.feedback();
        vec![
            ("version", OscType::String(env!("CARGO_PKG_VERSION").into())),
            ("bar", OscType::Float(feedback.cycle as f32 + 1.0)),
            ("tempo", OscType::Float(self.bpm(&feedback))),
            ("playing", OscType::Int(i32::from(feedback.playing))),
            ("load", OscType::Float(feedback.device.load)),
            ("missed", whole(feedback.device.xruns)),
            ("lost", whole(feedback.lost)),
            ("late", whole(self.counters.late.load(Relaxed))),
        ]
    }

    fn bpm(&self, feedback: &Feedback) -> f32 {
        let of_text = || self.of.as_ref().map_or(120.0, |program| program.timing.bpm.to_f64());
        (if feedback.bpm > 0.0 { feedback.bpm } else { of_text() }) as f32
    }

    /// What an address answers; `None` for one without a value.
    pub fn value(&mut self, address: &str, place: &Place, feedback: &Feedback) -> Option<OscMessage> {
        if place.access == Access::Write {
            return None;
        }
        let told = self.told.get(address).filter(|(_, number)| feedback.number < number + SETTLED);
        if let Some((value, _)) = told {
            return Some(say(address, vec![value.clone()]));
        }
        let name = |name: &Option<String>| vec![OscType::String(name.clone().unwrap_or_default())];
        let args = match place.targets.first()? {
            Target::Param(name) => vec![OscType::Float(self.param(name, feedback)?)],
            Target::Clip(track) => {
                name(&feedback.clips.iter().find(|clips| clips.track == *track).and_then(|clips| clips.playing.clone()))
            }
            Target::Scene => name(&feedback.scene),
            Target::Song => name(&feedback.song),
            Target::Seek => vec![OscType::Float(self.remote.meters().cycle() as f32 + 1.0)],
            Target::Tempo => vec![OscType::Float(self.bpm(feedback))],
            Target::Solo(strip) => vec![OscType::Int(i32::from(self.solo.contains(strip)))],
            Target::Playing => vec![OscType::Int(i32::from(self.remote.meters().playing()))],
            Target::Meter(strip) => {
                let levels = feedback.level(strip).map_or([[0.0; 2]; 2], |level| [level.peak, level.rms]);
                levels.concat().into_iter().map(OscType::Float).collect()
            }
            Target::Spectrum => feedback.spectrum.iter().copied().map(OscType::Float).collect(),
            _ => return None,
        };
        Some(say(address, args))
    }

    /// Where a parameter stands: in the program that plays, or as the text says in the one that waits.
    fn param(&mut self, name: &str, feedback: &Feedback) -> Option<f32> {
        let patch = feedback.program.as_ref().map(|program| &program.patch);
        if let Some(patch) = patch {
            if !self.places.as_ref().is_some_and(|(known, _)| Arc::ptr_eq(known, patch)) {
                let names = patch.graph.params.iter().zip(0..).map(|(param, at)| (Arc::clone(&param.name), at));
                self.places = Some((Arc::clone(patch), names.collect()));
            }
            let at = self.places.as_ref().and_then(|(_, places)| places.get(name));
            if let Some(value) = at.and_then(|at| feedback.values.get(*at)) {
                return Some(*value);
            }
        }
        let published = self.of.as_ref()?;
        let at = published.patch.graph.params.iter().position(|param| *param.name == *name)?;
        published.params.get(at).copied()
    }
}
