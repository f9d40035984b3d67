//! Gamepads, through gilrs: whatever the system takes for one, with the same names for the same places on all of them.
//!
//! ```text
//! lx ly rx ry              sticks, right and up are 1      a b x y        at the right thumb: below, right, left, above
//! lt rt                    lower shoulders, 0 to 1         l1 r1 l3 r3    upper shoulders, sticks pressed
//! up down left right       the cross                       select start mode
//! ```

use super::{Backend, Event};
use gilrs::{Axis, Button, EventType, Gilrs};
use std::time::Duration;

/// The gamepads of the system; `Err` says why there are none.
pub fn open() -> Result<Box<dyn Backend>, String> {
    let gilrs = Gilrs::new().map_err(|why| format!("gamepads: {why}"))?;
    Ok(Box::new(Pads { gilrs, began: false }))
}

struct Pads {
    gilrs: Gilrs,
    began: bool,
}

fn axis(axis: Axis) -> Option<&'static str> {
    Some(match axis {
        Axis::LeftStickX => "lx",
        Axis::LeftStickY => "ly",
        Axis::RightStickX => "rx",
        Axis::RightStickY => "ry",
        Axis::LeftZ => "lz",
        Axis::RightZ => "rz",
        _ => return None,
    })
}

fn button(button: Button) -> Option<&'static str> {
    Some(match button {
        Button::South => "a",
        Button::East => "b",
        Button::West => "x",
        Button::North => "y",
        Button::LeftTrigger => "l1",
        Button::RightTrigger => "r1",
        Button::LeftTrigger2 => "lt",
        Button::RightTrigger2 => "rt",
        Button::LeftThumb => "l3",
        Button::RightThumb => "r3",
        Button::Select => "select",
        Button::Start => "start",
        Button::Mode => "mode",
        Button::DPadUp => "up",
        Button::DPadDown => "down",
        Button::DPadLeft => "left",
        Button::DPadRight => "right",
        _ => return None,
    })
}

impl Backend for Pads {
    fn poll(&mut self, patience: Duration, tell: &mut dyn FnMut(Event)) {
        if !std::mem::replace(&mut self.began, true) {
            for (id, pad) in self.gilrs.gamepads() {
                tell(Event::Plugged(usize::from(id) as u64, pad.name().to_string()));
            }
        }
        let mut next = self.gilrs.next_event_blocking(Some(patience));
        while let Some(gilrs::Event { id, event, .. }) = next {
            let number = usize::from(id) as u64;
            match event {
                EventType::Connected => tell(Event::Plugged(number, self.gilrs.gamepad(id).name().to_string())),
                EventType::Disconnected => tell(Event::Gone(number)),
                EventType::AxisChanged(which, value, _) => {
                    axis(which).into_iter().for_each(|name| tell(Event::Moved(number, name.into(), value)));
                }
                EventType::ButtonChanged(which, value, _) => {
                    button(which).into_iter().for_each(|name| tell(Event::Moved(number, name.into(), value)));
                }
                _ => {}
            }
            next = self.gilrs.next_event();
        }
    }
}
