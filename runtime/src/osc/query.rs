//! OSCQuery: the address space as JSON by HTTP, so that other programs find what there is and draw faders for it.
//!
//! As the proposal of 2018 has it (github.com/Vidvox/OSCQueryProposal): `GET /bass` is the tree below an address, `GET /bass/cutoff?VALUE` one
//! attribute of it, `GET /?HOST_INFO` where to send OSC. Read only: a browser that is lured here can change nothing, and a name in `Host`
//! that is no address of this machine is turned away, so that no page of elsewhere reads it either.

use super::dispatch::Dispatcher;
use super::space::{Place, Space};
use crate::feedback::Feedback;
use rosc::OscType;
use std::net::IpAddr;
use std::sync::Arc;

/// Longest request, bytes.
pub(super) const LONGEST: usize = 8192;

/// An answer to a request that has come whole: status and JSON.
pub(super) struct Reply {
    status: &'static str,
    body: String,
}

impl Reply {
    fn only(status: &'static str) -> Reply {
        Reply { status, body: String::new() }
    }

    /// As it is sent.
    pub fn bytes(&self) -> Vec<u8> {
        let Reply { status, body } = self;
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        format!("{head}{body}").into_bytes()
    }
}

/// Answers a request. `port` is where OSC comes in.
pub(super) fn answer(request: &str, dispatcher: &mut Dispatcher, feedback: &Arc<Feedback>, port: u16) -> Reply {
    let mut lines = request.split("\r\n");
    let mut first = lines.next().unwrap_or("").split(' ');
    let (method, target) = (first.next().unwrap_or(""), first.next().unwrap_or(""));
    let host = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim())
    });
    if !host.is_some_and(is_here) {
        return Reply::only("403 Forbidden");
    }
    if method != "GET" {
        return Reply::only("405 Method Not Allowed");
    }
    let (path, attribute) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let path = if path == "/" { path } else { path.trim_end_matches('/') };
    if !path.starts_with('/') {
        return Reply::only("400 Bad Request");
    }
    if attribute == Some("HOST_INFO") {
        return Reply { status: "200 OK", body: host_info(port) };
    }
    let space = dispatcher.space();
    let mut tree = Tree { space: &space, dispatcher, feedback };
    match attribute {
        None => match tree.node(path) {
            Some(body) => Reply { status: "200 OK", body },
            None => Reply::only("404 Not Found"),
        },
        Some(attribute) => match tree.space.get(path) {
            Some(place) => {
                let place = place.clone();
                match tree.attributes(path, &place).into_iter().find(|(name, _)| *name == attribute) {
                    Some((name, value)) => Reply { status: "200 OK", body: format!("{{\"{name}\":{value}}}") },
                    None => Reply::only("204 No Content"),
                }
            }
            None if tree.node(path).is_some() => Reply::only("204 No Content"),
            None => Reply::only("404 Not Found"),
        },
    }
}

/// True for a host that is written as an address, or is this machine.
fn is_here(host: &str) -> bool {
    let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name == "localhost" || name.parse::<IpAddr>().is_ok()
}

fn host_info(port: u16) -> String {
    format!(
        "{{\"NAME\":\"Modurust\",\"OSC_PORT\":{port},\"OSC_TRANSPORT\":\"UDP\",\"EXTENSIONS\":{{\"ACCESS\":true,\"VALUE\":true,\
         \"RANGE\":true,\"DESCRIPTION\":true,\"TYPE\":true,\"UNIT\":true}}}}"
    )
}

struct Tree<'a> {
    space: &'a Space,
    dispatcher: &'a mut Dispatcher,
    feedback: &'a Feedback,
}

impl Tree<'_> {
    /// An address and all below it; `None` if there is nothing.
    fn node(&mut self, path: &str) -> Option<String> {
        let own = self.space.get(path).cloned();
        let below = if path == "/" { "/".to_string() } else { format!("{path}/") };
        let parts = self.space.iter().filter_map(|(address, _)| address.strip_prefix(&below));
        let mut names: Vec<String> = parts.map(|rest| rest.split('/').next().unwrap_or(rest).to_string()).collect();
        names.dedup();
        names.sort();
        names.dedup();
        if own.is_none() && names.is_empty() {
            return None;
        }
        let mut fields = vec![("FULL_PATH", quoted(path))];
        match &own {
            Some(place) => fields.extend(self.attributes(path, place)),
            None => fields.push(("ACCESS", "0".into())),
        }
        if !names.is_empty() {
            let children = names.iter().filter_map(|name| {
                let child = self.node(&format!("{below}{name}"))?;
                Some(format!("{}:{child}", quoted(name)))
            });
            let children = children.collect::<Vec<_>>().join(",");
            fields.push(("CONTENTS", format!("{{{children}}}")));
        }
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        Some(format!("{{{}}}", fields.join(",")))
    }

    fn attributes(&mut self, path: &str, place: &Place) -> Vec<(&'static str, String)> {
        let mut all = vec![
            ("DESCRIPTION", quoted(&place.doc)),
            ("ACCESS", (place.access as u8).to_string()),
            // What takes nothing is an impulse.
            ("TYPE", quoted(if place.tags.is_empty() { "I" } else { place.tags })),
        ];
        if let Some((low, high)) = place.range {
            all.push(("RANGE", format!("[{{\"MIN\":{},\"MAX\":{}}}]", real(low), real(high))));
        } else if !place.names.is_empty() {
            let names: Vec<String> = place.names.iter().map(|name| quoted(name)).collect();
            all.push(("RANGE", format!("[{{\"VALS\":[{}]}}]", names.join(","))));
        }
        if let Some(unit) = place.unit {
            all.push(("UNIT", format!("[{}]", quoted(unit))));
        }
        if let Some(value) = self.dispatcher.value(path, place, self.feedback) {
            let values: Vec<String> = value.args.iter().map(argument).collect();
            all.push(("VALUE", format!("[{}]", values.join(","))));
        }
        all
    }
}

fn argument(value: &OscType) -> String {
    match value {
        OscType::Int(x) => x.to_string(),
        OscType::Float(x) => real(*x),
        OscType::String(text) => quoted(text),
        _ => "null".into(),
    }
}

/// A number; JSON has none that is not finite.
fn real(x: f32) -> String {
    if x.is_finite() { x.to_string() } else { "null".into() }
}

/// A string of JSON.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_elsewhere_are_turned_away() {
        for here in ["localhost", "localhost:9000", "127.0.0.1:9000", "192.168.0.7", "[::1]:9000", "[::1]"] {
            assert!(is_here(here), "{here}");
        }
        for elsewhere in ["", "example.com", "example.com:9000", "localhost.example.com", "127.0.0.1.example.com:80"] {
            assert!(!is_here(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn text_is_quoted() {
        assert_eq!(quoted("a\"b\\c\nd"), "\"a\\\"b\\\\c\\u000ad\"");
        assert_eq!((real(0.5), real(f32::NAN)), ("0.5".to_string(), "null".to_string()));
    }
}
