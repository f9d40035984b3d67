//! Devices by their own words, through hidapi: their descriptors and reports go to [`super::hid`].
//!
//! Keyboards and mice are left alone, and so are gamepads, which have a system with better names. Whoever plays must be allowed to read the
//! device (on Linux `/dev/hidraw*`); one that may not be opened is asked again when it is plugged in anew.

use super::hid::Reader;
use super::{Backend, Event};
use hidapi::{HidApi, HidDevice};
use std::collections::BTreeMap;
use std::ffi::CString;
use std::time::{Duration, Instant};

/// How often devices are looked for.
const LOOK: Duration = Duration::from_secs(1);
/// Longest descriptor and report, bytes.
const LONGEST: usize = 4096;
/// Reports of a device that are read in one go.
const READ: usize = 64;

/// The devices of the system; `Err` says why there are none.
pub fn open() -> Result<Box<dyn Backend>, String> {
    let api = HidApi::new().map_err(|why| format!("devices of USB: {why}"))?;
    Ok(Box::new(Raw { api, looked: None, known: BTreeMap::new(), count: 0 }))
}

struct Raw {
    api: HidApi,
    looked: Option<Instant>,
    /// What is there; `None` for what is left alone.
    known: BTreeMap<CString, Option<(u64, HidDevice, Reader)>>,
    count: u64,
}

impl Raw {
    fn look(&mut self, tell: &mut dyn FnMut(Event)) {
        self.looked = Some(Instant::now());
        if self.api.refresh_devices().is_err() {
            return;
        }
        let there: Vec<_> = self.api.device_list().cloned().collect();
        let gone = |known: &CString| !there.iter().any(|info| info.path() == known.as_c_str());
        for path in self.known.keys().filter(|path| gone(path)).cloned().collect::<Vec<_>>() {
            self.leave(&path, tell);
        }
        for info in there {
            let path = info.path().to_owned();
            if self.known.contains_key(&path) {
                continue;
            }
            // Mouse, joystick, gamepad, keyboard and keypad of the page of desktops.
            let left = info.usage_page() == 1 && [2, 4, 5, 6, 7].contains(&info.usage());
            let opened = Some(info).filter(|_| !left).and_then(|info| {
                let device = info.open_device(&self.api).ok()?;
                device.set_blocking_mode(false).ok()?;
                let mut descriptor = [0; LONGEST];
                let length = device.get_report_descriptor(&mut descriptor).ok()?;
                let reader = Reader::new(descriptor.get(..length)?);
                reader.names().next()?;
                self.count += 1;
                tell(Event::Plugged(self.count, info.product_string().unwrap_or("device").to_string()));
                Some((self.count, device, reader))
            });
            self.known.insert(path, opened);
        }
    }

    fn leave(&mut self, path: &CString, tell: &mut dyn FnMut(Event)) {
        if let Some(Some((number, ..))) = self.known.remove(path) {
            tell(Event::Gone(number));
        }
    }
}

impl Backend for Raw {
    fn poll(&mut self, patience: Duration, tell: &mut dyn FnMut(Event)) {
        if self.looked.is_none_or(|at| at.elapsed() >= LOOK) {
            self.look(tell);
        }
        let (mut heard, mut lost) = (false, Vec::new());
        let mut report = [0; LONGEST];
        for (path, known) in &mut self.known {
            let Some((number, device, reader)) = known else { continue };
            for _ in 0..READ {
                match device.read(&mut report) {
                    Ok(0) => break,
                    Ok(length) => {
                        heard = true;
                        let bytes = report.get(..length).unwrap_or(&[]);
                        reader.report(bytes, |name, value| tell(Event::Moved(*number, name.to_string(), value)));
                    }
                    Err(_) => {
                        lost.push(path.clone());
                        break;
                    }
                }
            }
        }
        lost.iter().for_each(|path| self.leave(path, tell));
        if !heard {
            std::thread::sleep(patience);
        }
    }
}
