//! Devices that describe themselves: the report descriptors of USB (HID 1.11, section 6.2.2), and the reports that they speak of.
//!
//! A descriptor is a list of items, each a byte of kind and length with up to four bytes of data. It says which bits of which report are
//! which control. Of what it may say this reads what hands move: axes, sliders, dials, hats and buttons of input reports. A [`Reader`] is
//! made of any bytes and takes any bytes; what makes no sense is stepped over.
//!
//! ```text
//! 05 01 09 05 a1 01 .. 09 30 09 31 15 00 26 ff 00 75 08 95 02 81 02 ..      two axes of eight bits: `x`, `y`, -1 to 1
//! ```

/// Most controls of a device.
const CONTROLS: usize = 256;
/// Longest report, bits.
const REPORT: u32 = 8 * 1024;
/// Pages of usages: of desktops, and of buttons.
const DESKTOP: u32 = 1;
const BUTTONS: u32 = 9;
/// The usage of a hat.
const HAT: u32 = 0x39;

/// What a control is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// From -1 to 1.
    Centred,
    /// From 0 to 1.
    Whole,
    /// Eight directions from up on, clockwise; anything else is the middle.
    Hat,
}

#[derive(Clone, Debug, PartialEq)]
struct Control {
    report: u8,
    bit: u32,
    bits: u32,
    least: i64,
    most: i64,
    name: String,
    kind: Kind,
    last: Option<i64>,
}

/// Reads the reports of one device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reader {
    controls: Vec<Control>,
    /// Reports begin with their number.
    numbered: bool,
}

/// What holds until an item says otherwise.
#[derive(Clone, Copy, Debug, Default)]
struct Global {
    page: u32,
    least: i64,
    most: i64,
    size: u32,
    count: u32,
    report: u8,
}

/// Little-endian data of an item, without and with its sign.
fn number(data: &[u8]) -> (u32, i64) {
    let whole = data.iter().rev().fold(0u32, |x, byte| x << 8 | u32::from(*byte));
    let signed = match data.len() {
        1 => i64::from(whole as u8 as i8),
        2 => i64::from(whole as u16 as i16),
        4 => i64::from(whole as i32),
        _ => 0,
    };
    (whole, signed)
}

/// The name of a usage, and what kind of control it is.
fn control(usage: u32) -> Option<(String, Kind)> {
    let (page, number) = (usage >> 16, usage & 0xffff);
    let name = match (page, number) {
        (DESKTOP, 0x30) => "x",
        (DESKTOP, 0x31) => "y",
        (DESKTOP, 0x32) => "z",
        (DESKTOP, 0x33) => "rx",
        (DESKTOP, 0x34) => "ry",
        (DESKTOP, 0x35) => "rz",
        (DESKTOP, 0x36) => return Some(("slider".into(), Kind::Whole)),
        (DESKTOP, 0x37) => return Some(("dial".into(), Kind::Whole)),
        (DESKTOP, 0x38) => return Some(("wheel".into(), Kind::Whole)),
        (DESKTOP, HAT) => return Some(("hat".into(), Kind::Hat)),
        (BUTTONS, 1..) => return Some((format!("b{number}"), Kind::Whole)),
        _ => return None,
    };
    Some((name.into(), Kind::Centred))
}

impl Reader {
    /// Of a report descriptor.
    pub fn new(descriptor: &[u8]) -> Reader {
        let mut reader = Reader::default();
        let (mut global, mut stack) = (Global::default(), Vec::new());
        let (mut usages, mut from): (Vec<u32>, Option<u32>) = (Vec::new(), None);
        // Bits so far, by report.
        let mut bits = [0u32; 256];
        let mut rest = descriptor;
        while let [prefix, after @ ..] = rest {
            if *prefix == 0xfe {
                // A long item, of which the standard has none yet.
                let skip = after.first().map_or(0, |length| usize::from(*length) + 2);
                rest = after.get(skip..).unwrap_or(&[]);
                continue;
            }
            let length = [0, 1, 2, 4][usize::from(prefix & 3)];
            let Some((data, next)) = after.split_at_checked(length) else { break };
            rest = next;
            let (whole, signed) = number(data);
            // A usage of four bytes brings its page along.
            let usage = |page: u32| if length == 4 { whole } else { page << 16 | whole };
            match prefix & 0xfc {
                0x04 => global.page = whole & 0xffff,
                0x14 => global.least = signed,
                // What is written without a sign is read so if it would be less than the least.
                0x24 => global.most = if signed < global.least { i64::from(whole) } else { signed },
                0x74 => global.size = whole,
                0x84 => (global.report, reader.numbered) = (whole as u8, true),
                0x94 => global.count = whole,
                0xa4 if stack.len() < 16 => stack.push(global),
                0xb4 => global = stack.pop().unwrap_or(global),
                0x08 if usages.len() < CONTROLS => usages.push(usage(global.page)),
                0x18 => from = Some(usage(global.page)),
                0x28 => {
                    let (first, last) = (from.take().unwrap_or(0), usage(global.page));
                    usages.extend((first..=last).take(CONTROLS.saturating_sub(usages.len())));
                }
                0x80 => {
                    let at = &mut bits[usize::from(global.report)];
                    reader.input(&global, whole, &usages, *at);
                    *at = at.saturating_add(global.size.saturating_mul(global.count)).min(REPORT);
                    (usages, from) = (Vec::new(), None);
                }
                0x90 | 0xa0 | 0xb0 | 0xc0 => (usages, from) = (Vec::new(), None),
                _ => {}
            }
        }
        reader
    }

    /// An input item: so many controls of so many bits, from a bit of the report on.
    fn input(&mut self, global: &Global, flags: u32, usages: &[u32], first: u32) {
        // Padding, and arrays, which say which of many keys are down.
        if flags & 1 != 0 || flags & 2 == 0 || !(1..=32).contains(&global.size) || global.most <= global.least {
            return;
        }
        for i in 0..global.count.min(CONTROLS as u32) {
            let Some(usage) = usages.get(i as usize).or(usages.last()) else { return };
            let bit = first + i * global.size;
            let known = |name: &str| self.controls.iter().any(|known| known.name == *name);
            let Some((name, kind)) = control(*usage).filter(|(name, _)| !known(name)) else { continue };
            if bit + global.size > REPORT || self.controls.len() >= CONTROLS {
                return;
            }
            let Global { report, size, least, most, .. } = *global;
            self.controls.push(Control { report, bit, bits: size, least, most, name, kind, last: None });
        }
    }

    /// Names of the controls, in the order of the descriptor.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.controls.iter().map(|control| control.name.as_str())
    }

    /// Takes a report; `tell` gets what has moved since the last one.
    pub fn report(&mut self, bytes: &[u8], mut tell: impl FnMut(&str, f32)) {
        let (report, data) = match (self.numbered, bytes) {
            (true, [report, data @ ..]) => (*report, data),
            (true, []) => return,
            (false, data) => (0, data),
        };
        for control in self.controls.iter_mut().filter(|control| control.report == report) {
            let Some(raw) = field(data, control.bit, control.bits, control.least < 0) else { continue };
            if control.last.replace(raw) == Some(raw) {
                continue;
            }
            let (least, most) = (control.least, control.most);
            let share = (raw.clamp(least, most) - least) as f32 / (most - least) as f32;
            match control.kind {
                Kind::Whole => tell(&control.name, share),
                Kind::Centred => {
                    // The middle of an even number of steps lies between two of them; both are rest.
                    let doubled = 2 * (raw.clamp(least, most) - least) - (most - least);
                    tell(&control.name, if doubled.abs() <= 1 { 0.0 } else { share * 2.0 - 1.0 });
                }
                Kind::Hat => {
                    let direction = (least..=most).contains(&raw).then(|| (raw - least) * 8 / (most - least + 1));
                    for (name, around) in [("up", 0), ("right", 2), ("down", 4), ("left", 6)] {
                        let near = |at: i64| (at - around + 9).rem_euclid(8) <= 2;
                        tell(name, f32::from(u8::from(direction.is_some_and(near))));
                    }
                }
            }
        }
    }
}

/// Bits of a report, the lowest first; `None` if it is shorter.
fn field(data: &[u8], bit: u32, bits: u32, signed: bool) -> Option<i64> {
    let mut value = 0i64;
    for i in 0..bits {
        let at = bit + i;
        let byte = data.get(at as usize / 8)?;
        value |= i64::from(byte >> (at % 8) & 1) << i;
    }
    let negative = signed && value >> (bits - 1) & 1 == 1;
    Some(if negative { value - (1 << bits) } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers by chance.
    fn random(state: &mut u64) -> u8 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 40) as u8
    }

    /// Two axes from -127 to 127, a slider of twelve bits from 0 to 4095, four bits of padding.
    const MEANT: [u8; 38] = [
        0x05, 0x01, 0x09, 0x04, 0xa1, 0x01, 0x09, 0x30, 0x09, 0x31, 0x15, 0x81, 0x25, 0x7f, 0x75, 0x08, 0x95, 0x02,
        0x81, 0x02, 0x09, 0x36, 0x15, 0x00, 0x26, 0xff, 0x0f, 0x75, 0x0c, 0x95, 0x01, 0x81, 0x02, 0x75, 0x04, 0x81,
        0x03, 0xc0,
    ];

    #[test]
    fn any_bytes_are_read() {
        let mut state = 3;
        let mut controls = 0;
        for _ in 0..20_000 {
            // A descriptor that means something, with some of its bytes changed or cut off.
            let mut descriptor = MEANT.to_vec();
            for _ in 0..random(&mut state) % 6 {
                let at = usize::from(random(&mut state)) % descriptor.len();
                descriptor[at] = random(&mut state);
            }
            descriptor.truncate(usize::from(random(&mut state)));
            let mut reader = Reader::new(&descriptor);
            controls += reader.names().count();
            let report: Vec<u8> = (0..random(&mut state) % 70).map(|_| random(&mut state)).collect();
            reader.report(&report, |_, value| assert!((-1.0..=1.0).contains(&value), "{value}"));
        }
        assert!(controls > 1000, "{controls}");
    }

    #[test]
    fn signs_and_ranges_are_those_of_the_descriptor() {
        let mut reader = Reader::new(&MEANT);
        assert_eq!(reader.names().collect::<Vec<_>>(), ["x", "y", "slider"]);
        let mut told = Vec::new();
        reader.report(&[0x81, 0x00, 0xff, 0x0f], |name, value| told.push((name.to_string(), value)));
        assert_eq!(told, [("x".into(), -1.0), ("y".into(), 0.0), ("slider".into(), 1.0)]);
        told.clear();
        reader.report(&[0x7f, 0x00, 0xff], |name, value| told.push((name.to_string(), value)));
        assert_eq!(told, [("x".into(), 1.0)], "what is cut off or stands still says nothing");
    }
}
