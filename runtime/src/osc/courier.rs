//! Letters on their way: what a text sends by `osc_out`, as bundles with the time of their exact frame.
//!
//! A thread fetches what the engine has written ([`Letter`]) and sends it at once. What falls on one frame for one listener is one bundle,
//! and its time tag is the moment of that frame ([`Clock`](crate::clock::Clock)): the one at which the sound of that frame begins to be
//! computed. A listener that honours tags plays to the frame however late the datagram is, if `offset` gives it time to come.
//!
//! Only this machine is sent to, and those that are on the list of `--osc-allow`.

use super::time::Moment;
use crate::meter::Meters;
use crate::outbox::Letter;
use crate::session::Session;
use modurust_compiler::program::{Program, Wire};
use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType, encoder};
use rtrb::Consumer;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// How often letters are fetched.
const NAP: Duration = Duration::from_millis(1);
/// Most messages of a bundle, so that it fits into one datagram of any network.
const BUNDLED: usize = 8;

/// Whom a program sends to.
pub fn addressed(program: &Program) -> BTreeSet<SocketAddr> {
    let to = |wire: &Wire| if let Wire::Osc { to, .. } = wire { Some(*to) } else { None };
    program.units.iter().filter_map(|unit| to(&unit.outlet.as_ref()?.wire)).collect()
}

/// True if somebody may be sent to: whoever is on this machine, and who is on the list.
pub fn allowed(to: IpAddr, list: &[IpAddr]) -> bool {
    let to = to.to_canonical();
    to.is_loopback() || list.iter().any(|known| known.to_canonical() == to)
}

/// Sends until it is dropped.
pub struct Courier {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Courier {
    /// Begins to send for a session, to this machine and to those on a list. `Err` says why there is no thread for it.
    pub fn start(session: &Session, allow: &[IpAddr]) -> std::io::Result<Courier> {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut round = Round {
            letters: session.take_letters(),
            meters: Arc::clone(session.meters()),
            allow: allow.to_vec(),
            sockets: Default::default(),
            sent: Arc::clone(&sent),
        };
        let stopped = Arc::clone(&stop);
        let run = move || {
            while !stopped.load(Ordering::Relaxed) {
                round.go();
                std::thread::sleep(NAP);
            }
        };
        let thread = Some(Builder::new().name("modurust-osc-out".into()).spawn(run)?);
        Ok(Courier { stop, sent, thread })
    }

    /// Messages that were sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Round {
    letters: Option<Consumer<Letter>>,
    meters: Arc<Meters>,
    allow: Vec<IpAddr>,
    /// For this machine and for others, of IPv4 and of IPv6; opened with the first letter that needs one.
    sockets: [Option<UdpSocket>; 4],
    sent: Arc<AtomicU64>,
}

impl Round {
    /// Fetches all letters and sends them.
    fn go(&mut self) {
        let Some(letters) = &mut self.letters else { return };
        let mut all: Vec<Letter> = std::iter::from_fn(|| letters.pop().ok()).collect();
        if all.is_empty() {
            return;
        }
        // What was written first stays first among what falls on one frame.
        all.sort_by_key(|letter| (letter.frame, letter.to));
        let now = Moment::now();
        for together in all.chunk_by(|a, b| (a.frame, a.to) == (b.frame, b.to)) {
            together.chunks(BUNDLED).for_each(|some| self.send(some, &now));
        }
    }

    /// Sends letters of one frame for one listener.
    fn send(&mut self, letters: &[Letter], now: &Moment) {
        let Some(Letter { frame, to, .. }) = letters.first().copied() else { return };
        let Some(at) = self.meters.clock.moment_of(frame).filter(|_| allowed(to.ip(), &self.allow)) else { return };
        let tag = now.tag_of(at);
        let timetag = OscTime { seconds: (tag.0 >> 32) as u32, fractional: tag.0 as u32 };
        let content = letters.iter().map(|letter| OscPacket::Message(message(letter))).collect();
        let Ok(bytes) = encoder::encode(&OscPacket::Bundle(OscBundle { timetag, content })) else { return };
        // Nobody may be there to listen: then the next one is tried all the same.
        if self.socket(to).is_some_and(|socket| socket.send_to(&bytes, to).is_ok()) {
            self.sent.fetch_add(letters.len() as u64, Ordering::Relaxed);
        }
    }

    /// A socket from which somebody is sent to; for this machine it is one that nobody else reaches.
    fn socket(&mut self, to: SocketAddr) -> Option<&UdpSocket> {
        let (here, old) = (to.ip().to_canonical().is_loopback(), to.is_ipv4());
        let slot = self.sockets.get_mut(usize::from(here) * 2 + usize::from(old))?;
        if slot.is_none() {
            let from = match (here, old) {
                (true, true) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                (true, false) => IpAddr::V6(Ipv6Addr::LOCALHOST),
                (false, true) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                (false, false) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            };
            *slot = UdpSocket::bind((from, 0)).ok();
        }
        slot.as_ref()
    }
}

fn message(letter: &Letter) -> OscMessage {
    let word = letter.word.iter().map(|word| OscType::String(word.as_str().into()));
    let args = word.chain(letter.numbers().iter().copied().map(OscType::Float)).collect();
    OscMessage { addr: letter.address.as_str().into(), args }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_sent_to_only_if_they_are_on_the_list() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for here in ["127.0.0.1", "127.4.5.6", "::1", "::ffff:127.0.0.1"] {
            assert!(allowed(ip(here), &[]), "{here}");
        }
        assert!(!allowed(ip("192.0.2.7"), &[]) && !allowed(ip("192.0.2.7"), &[ip("192.0.2.8")]));
        assert!(allowed(ip("192.0.2.7"), &[ip("192.0.2.7")]) && allowed(ip("::ffff:192.0.2.7"), &[ip("192.0.2.7")]));
        assert!(!allowed(ip("255.255.255.255"), &[ip("192.0.2.7")]) && !allowed(ip("0.0.0.0"), &[]));
    }
}
