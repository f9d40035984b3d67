//! OSC: a session that other programs and machines play by messages over the network.
//!
//! Open Sound Control 1.0 over UDP, and over TCP in SLIP frames (OSC 1.1), on one port; the same TCP port answers OSCQuery by HTTP.
//! Every parameter, clip, scene and command of transport has an address ([`space`]), which follows the text as it is edited. What is
//! received is judged before anything is done with it ([`codec`]), counted ([`counters`]), and becomes a command of the session like
//! any other ([`dispatch`]): nothing of the network comes near the audio side.
//!
//! ```text
//! socket -> codec -> dispatch -> Remote -> session          and back: answers, errors, subscriptions
//!                       |
//!                     space <- the program that plays
//! ```
//!
//! What a text sends by `osc_out` leaves by a [`courier`], whether anything listens or not.
//!
//! Nothing listens unless it is asked to, and then on the loopback address unless another is named; from elsewhere only those are
//! heard who are on a list.

pub mod codec;
pub mod counters;
pub mod courier;
pub mod dispatch;
mod query;
mod server;
pub mod space;
mod subscribe;
pub mod time;

pub use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType, encoder};
pub use server::Osc;

use modurust_compiler::program::socket_address;
use std::net::{IpAddr, SocketAddr};

/// Where to listen, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OscOptions {
    /// Address and port, for UDP and TCP alike; port 0 takes one that is free.
    pub listen: SocketAddr,
    /// Machines that are heard beside this one.
    pub allow: Vec<IpAddr>,
}

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OscError {
    /// The port is taken, or the address is not of this machine.
    #[error("OSC cannot listen on {address}: {why}; choose another port with --osc PORT")]
    Socket {
        /// Where.
        address: SocketAddr,
        /// Why.
        why: std::io::Error,
    },
    /// An address that others reach, and nobody is allowed.
    #[error("OSC on {0} would hear nobody: name who may send with --osc-allow IP, or listen on 127.0.0.1")]
    Nobody(SocketAddr),
}

/// `PORT` or `ADDRESS:PORT`; on the loopback address unless another is named.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = || format!("`{text}` is no port and no address with a port; write `9000` or `192.168.0.7:9000`");
    socket_address(text).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_of_this_machine() {
        assert_eq!(address("9000").unwrap().to_string(), "127.0.0.1:9000");
        assert_eq!(address("localhost:9000").unwrap().to_string(), "127.0.0.1:9000");
        assert_eq!(address("0.0.0.0:57120").unwrap().to_string(), "0.0.0.0:57120");
        assert_eq!(address("[::1]:9000").unwrap().to_string(), "[::1]:9000");
        for wrong in ["", "x", "70000", "1.2.3.4", "1.2.3.4:x"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
