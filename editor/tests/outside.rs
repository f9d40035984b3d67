//! What other programs reach of the command: nothing that was not asked for.

#![cfg(target_os = "linux")]

mod common;

use common::{MODURUST, Scratch, interrupt, run};
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A socket at which a process can be reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reached {
    table: &'static str,
    ip: IpAddr,
    port: u16,
}

/// `0100007F:2382` and the like: the words of an address are written as the processor has them.
fn address(text: &str) -> Option<(IpAddr, u16)> {
    let (ip, port) = text.split_once(':')?;
    let words: Vec<u32> =
        (0..ip.len() / 8).map(|i| u32::from_str_radix(&ip[i * 8..i * 8 + 8], 16)).collect::<Result<_, _>>().ok()?;
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::V4(Ipv4Addr::from(four)),
        Err(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?)),
    };
    Some((ip, u16::from_str_radix(port, 16).ok()?))
}

/// What a process and its children can be reached at by the network, out of the tables of the system.
fn reached(pid: u32) -> BTreeSet<Reached> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    let mut all = own(pid);
    children.for_each(|child| all.extend(reached(child)));
    all
}

fn own(pid: u32) -> BTreeSet<Reached> {
    let handles = fs::read_dir(format!("/proc/{pid}/fd")).ok().into_iter().flatten();
    let own: BTreeSet<String> = handles
        .flatten()
        .filter_map(|handle| fs::read_link(handle.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_string()))
        .collect();
    let mut found = BTreeSet::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        // A system without IPv6 has no such table.
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for row in text.lines().skip(1) {
            let columns: Vec<&str> = row.split_whitespace().collect();
            let listens = table.starts_with("udp") || columns[3] == "0A";
            if listens && own.contains(columns[9]) {
                let (ip, port) = address(columns[1]).expect(row);
                found.insert(Reached { table, ip, port });
            }
        }
    }
    found
}

struct Playing(Child);

impl Playing {
    fn start(args: &[&str]) -> Playing {
        let mut command = Command::new(MODURUST);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Playing(command.spawn().expect("the command starts"))
    }

    /// All that it can be reached at, once it has played for a while.
    fn reached(&self, at_least: usize) -> BTreeSet<Reached> {
        let begin = Instant::now();
        loop {
            let found = reached(self.0.id());
            let played = begin.elapsed() > Duration::from_secs(2);
            if found.len() >= at_least && played || begin.elapsed() > Duration::from_secs(20) {
                return found;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        // A supervisor takes along whom it looks after.
        interrupt(&self.0);
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(5) && self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn nobody_is_heard_who_was_not_asked_for() {
    let scratch = Scratch::new();
    let song = scratch.file("song.modu", "out = sin(220hz) * 0.1 * osc('/deck/cut')\n");
    let none = BTreeSet::new();
    assert_eq!(Playing::start(&["play", &song, "--device", "null"]).reached(0), none);
    assert_eq!(Playing::start(&["play", &song, "--device", "null", "--supervise"]).reached(0), none);
    assert_eq!(Playing::start(&["repl", &song, "--pipe", "--device", "null"]).reached(0), none);
    // The same look sees what is asked for.
    for command in [&["play"][..], &["play", "--supervise"], &["repl", "--pipe"]] {
        let args = [command, &[&song, "--device", "null", "--osc", "0"]].concat();
        let found: Vec<Reached> = Playing::start(&args).reached(2).into_iter().collect();
        assert_eq!(found.iter().map(|r| r.table).collect::<Vec<_>>(), ["tcp", "udp"], "{args:?}");
        assert!(found.iter().all(|r| r.ip.is_loopback() && r.port == found[0].port), "{found:?}");
    }
    let open = Playing::start(&[
        "play",
        &song,
        "--device",
        "null",
        "--osc",
        "0",
        "--osc-bind",
        "0.0.0.0",
        "--osc-allow",
        "192.0.2.1",
    ]);
    let found = open.reached(2);
    assert!(found.len() == 2 && found.iter().all(|r| r.ip.is_unspecified()), "{found:?}");
}

/// Sends statements until the command plays `hz`, which it tells as the number `hz`.
fn evaluates(command: &[&str]) {
    let scratch = Scratch::new();
    let song = scratch.file("song.modu", "hz = 220hz\nout = sin(hz) * 0.1\n");
    let args = [command, &[&song, "--device", "null", "--osc", "0"]].concat();
    let playing = Playing::start(&args);
    let port = playing.reached(2).first().expect("it listens").port;
    let mut osc = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    osc.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
    let mut say = |address: &str, text: Option<&str>| -> String {
        let string = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            bytes.resize(text.len() / 4 * 4 + 4, 0);
            bytes
        };
        let mut packet = string(address);
        packet.extend(string(if text.is_some() { ",s" } else { "," }));
        packet.extend(text.map(string).unwrap_or_default());
        osc.write_all(&[&[0xc0], &packet[..], &[0xc0]].concat()).expect("sent");
        let mut answer = Vec::new();
        let mut byte = [0];
        while answer.len() < 2 || byte[0] != 0xc0 {
            osc.read_exact(&mut byte).expect("an answer");
            answer.push(byte[0]);
        }
        String::from_utf8_lossy(&answer).into_owned()
    };
    let wrong = say("/eval", Some("hz = 330hz )"));
    assert!(wrong.contains("error"), "{wrong}");
    let right = say("/eval", Some("hz = 440hz\nnew = 5hz"));
    assert!(right.contains("/eval") && !right.contains("error"), "{right}");
    let begin = Instant::now();
    // 440 as a float of OSC: 43 dc 00 00.
    while !say("/hz", None).contains("C\u{fffd}\0\0") {
        assert!(begin.elapsed() < Duration::from_secs(20), "it never plays {}", say("/hz", None));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn statements_come_by_osc() {
    evaluates(&["play"]);
    evaluates(&["repl", "--pipe"]);
}

#[test]
fn a_port_for_nobody_is_refused() {
    let scratch = Scratch::new();
    let song = scratch.file("song.modu", "out = sin(220hz) * 0.1\n");
    let ran = run(&["play", &song, "--device", "null", "--for", "1s", "--osc", "0.0.0.0:0"]).expect(2);
    assert!(ran.err.contains("--osc-allow"), "{}", ran.err);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let ran = run(&["play", &song, "--device", "null", "--for", "1s", "--osc", &port]).expect(3);
    assert!(ran.err.contains("choose another port"), "{}", ran.err);
    assert!(run(&["play", &song, "--osc", "x"]).expect(2).err.contains("9000"));
}

#[test]
fn events_leave_for_this_machine_and_for_others_only_when_they_are_named() {
    let scratch = Scratch::new();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
    let port = socket.local_addr().expect("an address").port();
    let text =
        format!("track a = \"0*8\" >> osc_out('{port}', '/x')\ntrack b = \"1\" >> osc_out('192.0.2.1:9', '/y')\n");
    let song = scratch.file("song.modu", &text);
    let ran = run(&["play", &song, "--device", "null", "--for", "1s"]).expect(0);
    assert!(ran.err.contains("--osc-allow 192.0.2.1"), "{}", ran.err);
    let mut packet = [0; 1024];
    let length = socket.recv(&mut packet).expect("a bundle");
    assert!(packet[..length].starts_with(b"#bundle\0") && packet[..length].windows(4).any(|w| w == b"/x\0\0"));
    let ran = run(&["play", &song, "--device", "null", "--for", "1s", "--osc-allow", "192.0.2.1"]).expect(0);
    assert!(!ran.err.contains("held back"), "{}", ran.err);
}
