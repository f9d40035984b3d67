//! Subscriptions: values that are sent again and again to whoever asked for them.
//!
//! One is kept for a minute and must be asked for anew to go on, so that nobody is sent to who is gone. It sends when its value has
//! changed, at most as often as it was asked for and at most [`FASTEST`] times a second.

use super::dispatch::Peer;
use rosc::OscMessage;
use std::time::{Duration, Instant};

/// Most messages a second of one subscription.
pub const FASTEST: f64 = 30.0;
/// How long one lasts.
pub const LASTS: Duration = Duration::from_secs(60);
/// Most subscriptions, of all together and of one.
const MOST: usize = 256;
const MOST_OF_ONE: usize = 64;

struct Subscription {
    to: Peer,
    address: String,
    period: Duration,
    due: Instant,
    ends: Instant,
    /// What was sent last, by address: a pattern has several.
    sent: Vec<OscMessage>,
}

/// All of them.
#[derive(Default)]
pub(super) struct Subscriptions(Vec<Subscription>);

impl Subscriptions {
    /// Begins one, or prolongs it. `Err` says why not.
    pub fn add(&mut self, to: Peer, address: &str, rate: f64, now: Instant) -> Result<(), String> {
        let period = Duration::from_secs_f64(1.0 / rate.clamp(0.1, FASTEST));
        if let Some(known) = self.0.iter_mut().find(|s| s.to == to && s.address == address) {
            (known.period, known.ends) = (period, now + LASTS);
            // Whoever asks again may have lost what was sent.
            known.sent.clear();
            return Ok(());
        }
        let own = self.0.iter().filter(|s| s.to == to).count();
        if self.0.len() >= MOST || own >= MOST_OF_ONE {
            return Err(format!(
                "there are {own} subscriptions of yours and {} in all; take one back first",
                self.0.len()
            ));
        }
        let address = address.to_string();
        self.0.push(Subscription { to, address, period, due: now, ends: now + LASTS, sent: Vec::new() });
        Ok(())
    }

    /// Ends one. False if there is none.
    pub fn remove(&mut self, to: Peer, address: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|s| s.to != to || s.address != address);
        self.0.len() < before
    }

    /// Ends all of somebody who is gone.
    pub fn forget(&mut self, to: Peer) {
        self.0.retain(|s| s.to != to);
    }

    /// What is to be sent now; `value` tells the values of an address or pattern.
    pub fn due(&mut self, now: Instant, mut value: impl FnMut(&str) -> Vec<OscMessage>) -> Vec<(Peer, OscMessage)> {
        self.0.retain(|s| s.ends > now);
        let mut out = Vec::new();
        for subscription in self.0.iter_mut().filter(|s| s.due <= now) {
            subscription.due = (subscription.due + subscription.period).max(now);
            let values = value(&subscription.address);
            let news = values.iter().filter(|value| !subscription.sent.contains(value));
            out.extend(news.map(|value| (subscription.to, value.clone())));
            subscription.sent = values;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rosc::OscType;

    fn value(x: f32) -> Vec<OscMessage> {
        vec![OscMessage { addr: "/a".into(), args: vec![OscType::Float(x)] }]
    }

    #[test]
    fn they_are_no_faster_than_asked_for_and_end() {
        let (mut all, start) = (Subscriptions::default(), Instant::now());
        let to = Peer::Tcp(1);
        all.add(to, "/a", 1000.0, start).unwrap();
        let mut sent = 0;
        let mut last = 0;
        for ms in 0..70_000u64 {
            let now = start + Duration::from_millis(ms);
            let count = all.due(now, |_| value(ms as f32)).len();
            sent += count;
            last = if count > 0 { ms } else { last };
        }
        assert!((1750..=1801).contains(&sent), "{sent} in a minute");
        assert!((59_900..60_000).contains(&last), "{last}");
    }

    #[test]
    fn what_has_not_changed_is_not_sent_again() {
        let (mut all, start) = (Subscriptions::default(), Instant::now());
        all.add(Peer::Tcp(1), "/a", 10.0, start).unwrap();
        let mut at = |ms: u64, x: f32| all.due(start + Duration::from_millis(ms), |_| value(x)).len();
        assert_eq!((at(0, 1.0), at(100, 1.0), at(150, 2.0), at(200, 2.0), at(300, 2.0)), (1, 0, 0, 1, 0));
    }

    #[test]
    fn nobody_has_more_than_a_share() {
        let (mut all, now) = (Subscriptions::default(), Instant::now());
        for i in 0..MOST_OF_ONE {
            all.add(Peer::Tcp(1), &format!("/{i}"), 1.0, now).unwrap();
        }
        assert!(all.add(Peer::Tcp(1), "/x", 1.0, now).is_err());
        all.add(Peer::Tcp(1), "/0", 2.0, now).unwrap();
        for peer in 2..5 {
            for i in 0..MOST_OF_ONE {
                all.add(Peer::Tcp(peer), &format!("/{i}"), 1.0, now).unwrap();
            }
        }
        assert!(all.add(Peer::Tcp(9), "/x", 1.0, now).is_err());
        all.forget(Peer::Tcp(2));
        all.add(Peer::Tcp(9), "/x", 1.0, now).unwrap();
        assert!(all.remove(Peer::Tcp(9), "/x") && !all.remove(Peer::Tcp(9), "/x"));
    }
}
