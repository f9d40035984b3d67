//! Bytes to messages, within limits, and back.
//!
//! A packet is taken whole or not at all. Bundles are opened here, without recursion and to a depth of [`DEEPEST`]; single messages are
//! read by `rosc`, once their type tags have been looked at, so that nothing that is sent decides how much stack or memory is used.
//!
//! TCP carries packets in frames of SLIP (RFC 1055), with an end before and after each, as OSC 1.1 asks for.

use super::counters::{Counters, count};
use super::time::Tag;
use rosc::{OscMessage, OscPacket, OscType};

/// Most bytes of a packet: of what UDP can carry.
pub const LARGEST: usize = 65_507;
/// Most bundles within each other.
pub const DEEPEST: usize = 16;
/// Most messages of a packet.
pub const MOST_MESSAGES: usize = 1024;
/// Most arguments of a message.
pub const MOST_ARGUMENTS: usize = 64;
/// Longest address, bytes.
pub const LONGEST: usize = 256;

const BUNDLE: &[u8] = b"#bundle\0";

/// Why a packet is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Beyond a limit of size.
    Oversize,
    /// No OSC.
    Malformed,
    /// Bundles too deep.
    Nested,
    /// Too many messages.
    Crowded,
    /// A blob or an array.
    Blob,
}

impl Refusal {
    /// Counts it.
    pub fn count(self, counters: &Counters) {
        count(match self {
            Refusal::Oversize => &counters.oversize,
            Refusal::Malformed => &counters.malformed,
            Refusal::Nested => &counters.nested,
            Refusal::Crowded => &counters.crowded,
            Refusal::Blob => &counters.blobs,
        });
    }
}

/// A message, and when it is to act.
#[derive(Clone, Debug, PartialEq)]
pub struct Timed {
    /// `None`: at once.
    pub at: Option<Tag>,
    /// The message.
    pub message: OscMessage,
}

/// The messages of a packet, in order, each with the time of the innermost bundle around it.
pub fn unpack(bytes: &[u8]) -> Result<Vec<Timed>, Refusal> {
    if bytes.len() > LARGEST {
        return Err(Refusal::Oversize);
    }
    let mut messages = Vec::new();
    // Bundles that are open: where they end, and their time.
    let mut open: Vec<(usize, Option<Tag>)> = Vec::new();
    let (mut at, mut end) = (0, bytes.len());
    loop {
        let packet = bytes.get(at..end).filter(|p| !p.is_empty() && p.len() % 4 == 0).ok_or(Refusal::Malformed)?;
        if packet.starts_with(BUNDLE) {
            if open.len() == DEEPEST {
                return Err(Refusal::Nested);
            }
            let tag = packet.get(8..16).and_then(|tag| tag.try_into().ok()).ok_or(Refusal::Malformed)?;
            open.push((end, Tag::new(u64::from_be_bytes(tag))));
            at += 16;
        } else {
            if messages.len() == MOST_MESSAGES {
                return Err(Refusal::Crowded);
            }
            messages.push(Timed { at: open.last().and_then(|bundle| bundle.1), message: message(packet)? });
            at = end;
        }
        while open.last().is_some_and(|bundle| at == bundle.0) {
            open.pop();
        }
        let Some((bound, _)) = open.last() else { return Ok(messages) };
        let size = bytes.get(at..(at + 4).min(*bound)).and_then(|size| size.try_into().ok());
        let size = size.map(u32::from_be_bytes).ok_or(Refusal::Malformed)? as usize;
        at += 4;
        end = at.checked_add(size).filter(|end| end <= bound).ok_or(Refusal::Malformed)?;
    }
}

/// A single message.
fn message(packet: &[u8]) -> Result<OscMessage, Refusal> {
    let length = packet.iter().position(|byte| *byte == 0).ok_or(Refusal::Malformed)?;
    if packet[0] != b'/' {
        return Err(Refusal::Malformed);
    }
    if length > LONGEST {
        return Err(Refusal::Oversize);
    }
    let tags = packet.get(length / 4 * 4 + 4..).ok_or(Refusal::Malformed)?;
    if tags.is_empty() {
        // Old programs leave the type tags out where there are no arguments.
        let address = std::str::from_utf8(&packet[..length]).map_err(|_| Refusal::Malformed)?;
        return Ok(OscMessage { addr: address.to_string(), args: Vec::new() });
    }
    let tags = &tags[..tags.iter().position(|byte| *byte == 0).ok_or(Refusal::Malformed)?];
    let tags = tags.strip_prefix(b",").ok_or(Refusal::Malformed)?;
    if tags.len() > MOST_ARGUMENTS {
        return Err(Refusal::Oversize);
    }
    if tags.iter().any(|tag| b"[]b".contains(tag)) {
        return Err(Refusal::Blob);
    }
    match rosc::decoder::decode_udp(packet) {
        Ok(([], OscPacket::Message(message))) => Ok(message),
        _ => Err(Refusal::Malformed),
    }
}

/// The bytes of a message; `None` for one that is too long to be sent.
pub fn pack(message: OscMessage) -> Option<Vec<u8>> {
    rosc::encoder::encode(&OscPacket::Message(message)).ok().filter(|bytes| bytes.len() <= LARGEST)
}

/// An argument as a number.
pub fn number(argument: &OscType) -> Option<f64> {
    match argument {
        OscType::Int(x) => Some(f64::from(*x)),
        OscType::Long(x) => Some(*x as f64),
        OscType::Float(x) => Some(f64::from(*x)),
        OscType::Double(x) => Some(*x),
        OscType::Bool(x) => Some(f64::from(u8::from(*x))),
        _ => None,
    }
}

const END: u8 = 0xc0;
const ESCAPE: u8 = 0xdb;
const ESCAPED_END: u8 = 0xdc;
const ESCAPED_ESCAPE: u8 = 0xdd;

/// A packet as a frame.
pub fn framed(packet: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(packet.len() + 2);
    frame.push(END);
    for byte in packet {
        match *byte {
            END => frame.extend([ESCAPE, ESCAPED_END]),
            ESCAPE => frame.extend([ESCAPE, ESCAPED_ESCAPE]),
            byte => frame.push(byte),
        }
    }
    frame.push(END);
    frame
}

/// Frames on their way to packets.
#[derive(Debug, Default)]
pub struct Frames {
    packet: Vec<u8>,
    escaped: bool,
    /// The frame is longer than any packet, or broken: it is left out to its end.
    broken: Option<Refusal>,
}

impl Frames {
    /// Takes bytes; hands over every packet that they complete, or why it is left out.
    pub fn take(&mut self, bytes: &[u8], mut done: impl FnMut(Result<&[u8], Refusal>)) {
        for byte in bytes {
            let byte = match (*byte, std::mem::take(&mut self.escaped)) {
                (END, _) => {
                    match self.broken.take() {
                        Some(why) => done(Err(why)),
                        None if self.packet.is_empty() => {}
                        None => done(Ok(&self.packet)),
                    }
                    self.packet.clear();
                    continue;
                }
                (ESCAPED_END, true) => END,
                (ESCAPED_ESCAPE, true) => ESCAPE,
                (_, true) => {
                    self.broken = Some(Refusal::Malformed);
                    continue;
                }
                (ESCAPE, false) => {
                    self.escaped = true;
                    continue;
                }
                (byte, false) => byte,
            };
            if self.packet.len() >= LARGEST {
                self.broken = Some(Refusal::Oversize);
            } else if self.broken.is_none() {
                self.packet.push(byte);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rosc::{OscBundle, OscTime};

    fn bytes(packet: OscPacket) -> Vec<u8> {
        rosc::encoder::encode(&packet).unwrap()
    }

    fn say(address: &str, args: Vec<OscType>) -> OscPacket {
        OscPacket::Message(OscMessage { addr: address.into(), args })
    }

    fn bundle(seconds: u32, content: Vec<OscPacket>) -> OscPacket {
        OscPacket::Bundle(OscBundle { timetag: OscTime { seconds, fractional: 0 }, content })
    }

    #[test]
    fn bundles_are_opened_in_order_with_their_own_times() {
        let inner = bundle(7, vec![say("/b", vec![OscType::Int(2)])]);
        let packet = bundle(5, vec![say("/a", vec![]), inner, bundle(9, vec![]), say("/c", vec![OscType::Float(0.5)])]);
        let all = unpack(&bytes(packet)).unwrap();
        let seen: Vec<_> = all.iter().map(|t| (t.message.addr.as_str(), t.at.map(|at| at.0 >> 32))).collect();
        assert_eq!(seen, [("/a", Some(5)), ("/b", Some(7)), ("/c", Some(5))]);
        assert_eq!(all[2].message.args, [OscType::Float(0.5)]);
        assert_eq!(unpack(b"/old\0\0\0\0").unwrap()[0].message.addr, "/old");
    }

    #[test]
    fn what_is_beyond_a_limit_is_refused_whole() {
        let mut deep = say("/a", vec![]);
        for _ in 0..DEEPEST {
            deep = bundle(1, vec![deep]);
        }
        assert_eq!(unpack(&bytes(deep.clone())).unwrap().len(), 1);
        assert_eq!(unpack(&bytes(bundle(1, vec![deep]))), Err(Refusal::Nested));
        let many = |n| bytes(bundle(1, vec![say("/a", vec![]); n]));
        assert_eq!(unpack(&many(MOST_MESSAGES)).unwrap().len(), MOST_MESSAGES);
        assert_eq!(unpack(&many(MOST_MESSAGES + 1)), Err(Refusal::Crowded));
        assert_eq!(unpack(&vec![b'/'; LARGEST + 1]), Err(Refusal::Oversize));
        assert_eq!(unpack(&bytes(say(&format!("/{}", "x".repeat(LONGEST)), vec![]))), Err(Refusal::Oversize));
        let ints = |n| bytes(say("/a", vec![OscType::Int(1); n]));
        assert!(unpack(&ints(MOST_ARGUMENTS)).is_ok());
        assert_eq!(unpack(&ints(MOST_ARGUMENTS + 1)), Err(Refusal::Oversize));
        assert_eq!(unpack(&bytes(say("/a", vec![OscType::Blob(vec![1; 5])]))), Err(Refusal::Blob));
        // As many open arrays as a packet has room for would each be a list in a list.
        let mut arrays = b"/a\0\0,".to_vec();
        arrays.extend([b'['; 59]);
        arrays.extend([0; 4]);
        assert_eq!(unpack(&arrays), Err(Refusal::Blob));
    }

    #[test]
    fn broken_packets_are_none() {
        let good = bytes(bundle(5, vec![say("/a", vec![OscType::String("x".into())]), say("/b", vec![])]));
        for cut in 0..good.len() {
            assert!(unpack(&good[..cut]).is_err() || cut == 16 || cut == 16 + 16, "{cut}");
        }
        for wrong in [&b""[..], b"abcd", b"/a\0\0xyz\0", b"/a\0\0,i\0\0", b"#bundle\0", b"/abc", b"/a\0\0,q\0\0"] {
            assert_eq!(unpack(wrong), Err(Refusal::Malformed), "{wrong:?}");
        }
        // A length that leads out of its bundle.
        let mut long = good.clone();
        long[16..20].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(unpack(&long), Err(Refusal::Malformed));
    }

    #[test]
    fn frames_come_back_however_they_are_cut() {
        let packets: Vec<Vec<u8>> = vec![vec![END, ESCAPE, 1, 0], vec![ESCAPED_END; 8], vec![7; 100]];
        let stream: Vec<u8> = packets.iter().flat_map(|p| framed(p)).collect();
        for size in 1..20 {
            let (mut frames, mut got) = (Frames::default(), Vec::new());
            for part in stream.chunks(size) {
                frames.take(part, |packet| got.push(packet.unwrap().to_vec()));
            }
            assert_eq!(got, packets, "{size}");
        }
        let mut told = Vec::new();
        let mut frames = Frames::default();
        frames.take(&vec![1; LARGEST + 1], |_| panic!("not ended"));
        frames.take(&[END, ESCAPE, 5, 6, END, 1, 2, END], |packet| told.push(packet.map(<[u8]>::to_vec)));
        assert_eq!(told, [Err(Refusal::Oversize), Err(Refusal::Malformed), Ok(vec![1, 2])]);
    }
}
