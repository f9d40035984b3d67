//! Sockets and threads: who listens, who is heard, who is answered.
//!
//! A thread waits for datagrams and looks after what is due; another takes connections, each of which has one of its own. All of them
//! share one [`Dispatcher`]. A connection begins with a frame of SLIP, or with `GET` of HTTP.

use super::codec::{Frames, LARGEST, framed, pack};
use super::counters::{Counters, count};
use super::dispatch::{Dispatcher, Eval, Peer};
use super::time::Moment;
use super::{OscError, OscOptions, query};
use crate::remote::Remote;
use rosc::OscMessage;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// How often what is due is looked for.
const NAP: Duration = Duration::from_millis(4);
/// How long a connection is given to take an answer, and how often it looks whether all is over.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long a connection is given to send its request.
const REQUEST: Duration = Duration::from_secs(5);
/// Most connections at once.
const CONNECTIONS: usize = 16;
/// Ports that are tried for one that is free for UDP and TCP.
const TRIES: usize = 16;

/// A server. Dropping it ends its threads and closes its sockets.
pub struct Osc {
    address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    dispatcher: Mutex<Dispatcher>,
    remote: Remote,
    counters: Arc<Counters>,
    udp: UdpSocket,
    port: u16,
    streams: Mutex<BTreeMap<u64, TcpStream>>,
    next: AtomicU64,
    allow: Vec<IpAddr>,
    stop: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Both sockets on one port.
fn bind(address: SocketAddr) -> Result<(UdpSocket, TcpListener), OscError> {
    let refused = |why| OscError::Socket { address, why };
    for turn in 0..TRIES {
        let tcp = TcpListener::bind(address).map_err(refused)?;
        match UdpSocket::bind(tcp.local_addr().map_err(refused)?) {
            Ok(udp) => return Ok((udp, tcp)),
            // A free port for the one need not be free for the other.
            Err(_) if address.port() == 0 && turn + 1 < TRIES => {}
            Err(why) => return Err(refused(why)),
        }
    }
    Err(refused(ErrorKind::AddrInUse.into()))
}

impl Osc {
    /// Listens for a session. Statements that come go to the evaluator, if there is one.
    pub fn start(options: &OscOptions, remote: Remote, evaluator: Option<Sender<Eval>>) -> Result<Osc, OscError> {
        if !options.listen.ip().is_loopback() && options.allow.is_empty() {
            return Err(OscError::Nobody(options.listen));
        }
        let refused = |why| OscError::Socket { address: options.listen, why };
        let (udp, tcp) = bind(options.listen)?;
        let address = tcp.local_addr().map_err(refused)?;
        udp.set_read_timeout(Some(NAP)).map_err(refused)?;
        tcp.set_nonblocking(true).map_err(refused)?;
        let counters = Arc::new(Counters::default());
        let mut dispatcher = Dispatcher::new(remote.clone(), Arc::clone(&counters), Moment::now());
        evaluator.into_iter().for_each(|evaluator| dispatcher.evaluates(evaluator));
        let shared = Arc::new(Shared {
            dispatcher: Mutex::new(dispatcher),
            remote,
            counters,
            udp,
            port: address.port(),
            streams: Mutex::default(),
            next: AtomicU64::new(0),
            allow: options.allow.clone(),
            stop: AtomicBool::new(false),
        });
        let mut osc = Osc { address, shared, threads: Vec::new() };
        let (datagrams, connections) = (Arc::clone(&osc.shared), Arc::clone(&osc.shared));
        osc.threads.push(Builder::new().name("modurust-osc".into()).spawn(move || datagrams.serve()).map_err(refused)?);
        let accept = Builder::new().name("modurust-osc-tcp".into()).spawn(move || accept(&connections, &tcp));
        osc.threads.push(accept.map_err(refused)?);
        Ok(osc)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What came, and what became of it.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }
}

impl Drop for Osc {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// This machine is heard; of others those on the list.
    fn hears(&self, ip: IpAddr) -> bool {
        // An address of IPv4 may come in the clothes of IPv6.
        let ip = ip.to_canonical();
        let heard = ip.is_loopback() || self.allow.iter().any(|known| known.to_canonical() == ip);
        if !heard {
            count(&self.counters.forbidden);
        }
        heard
    }

    /// Datagrams, and what is due.
    fn serve(&self) {
        let mut buffer = vec![0; LARGEST + 1];
        let mut due = Instant::now();
        while !self.stopped() {
            match self.udp.recv_from(&mut buffer) {
                Ok((length, from)) if self.hears(from.ip()) => {
                    let answers = locked(&self.dispatcher).receive(&buffer[..length], Peer::Udp(from), Moment::now());
                    self.deliver(answers);
                }
                Ok(_) => {}
                Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                // What was sent to somebody who is gone comes back as an error of the next call.
                Err(_) => std::thread::sleep(NAP),
            }
            if Instant::now() >= due {
                due = Instant::now() + NAP;
                let answers = locked(&self.dispatcher).tick(Moment::now());
                self.deliver(answers);
            }
        }
    }

    fn deliver(&self, answers: Vec<(Peer, OscMessage)>) {
        for (to, message) in answers {
            let sent = pack(message).is_some_and(|bytes| match to {
                Peer::Udp(address) => self.udp.send_to(&bytes, address).is_ok(),
                Peer::Tcp(number) => {
                    let mut streams = locked(&self.streams);
                    let sent = streams.get_mut(&number).is_some_and(|stream| stream.write_all(&framed(&bytes)).is_ok());
                    if !sent && let Some(stream) = streams.remove(&number) {
                        // Half of a frame may be under way: nothing sensible can follow.
                        let _ = stream.shutdown(std::net::Shutdown::Both);
                    }
                    sent
                }
            });
            count(if sent { &self.counters.answers } else { &self.counters.unsent });
        }
    }

    /// A connection, to its end.
    fn converse(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let _ = stream.set_nodelay(true);
        let mut buffer = vec![0; 4096];
        let first = self.read(&mut stream, &mut buffer, None)?;
        if buffer[..first].starts_with(b"G") {
            return self.request(stream, buffer[..first].to_vec());
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        locked(&self.streams).insert(number, stream.try_clone()?);
        let peer = Peer::Tcp(number);
        let mut frames = Frames::default();
        let mut length = first;
        let ended = loop {
            if length == 0 {
                break Ok(());
            }
            frames.take(&buffer[..length], |packet| match packet {
                Ok(packet) => {
                    let answers = locked(&self.dispatcher).receive(packet, peer, Moment::now());
                    self.deliver(answers);
                }
                Err(why) => {
                    count(&self.counters.packets);
                    why.count(&self.counters);
                }
            });
            length = match self.read(&mut stream, &mut buffer, None) {
                Ok(length) => length,
                Err(why) => break Err(why),
            };
        };
        locked(&self.streams).remove(&number);
        locked(&self.dispatcher).forget(peer);
        ended
    }

    /// The next bytes; 0 at the end of the stream or of all. Waits for ever, or until a moment.
    fn read(&self, stream: &mut TcpStream, buffer: &mut [u8], until: Option<Instant>) -> std::io::Result<usize> {
        loop {
            match stream.read(buffer) {
                Err(why)
                    if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) =>
                {
                    if self.stopped() || until.is_some_and(|until| Instant::now() >= until) {
                        return Ok(0);
                    }
                }
                other => return other,
            }
        }
    }

    /// A request of HTTP, of which the first bytes have come.
    fn request(&self, mut stream: TcpStream, mut request: Vec<u8>) -> std::io::Result<()> {
        let until = Instant::now() + REQUEST;
        let mut buffer = [0; 1024];
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            let length = self.read(&mut stream, &mut buffer, Some(until))?;
            if length == 0 || request.len() + length > query::LONGEST {
                return Ok(());
            }
            request.extend(&buffer[..length]);
        }
        let feedback = self.remote.feedback();
        let request = String::from_utf8_lossy(&request);
        let reply = query::answer(&request, &mut locked(&self.dispatcher), &feedback, self.port);
        stream.write_all(&reply.bytes())
    }
}

/// Takes connections until all is over, and waits for them.
fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    while !shared.stopped() {
        threads.retain(|thread| !thread.is_finished());
        match listener.accept() {
            Ok((stream, from)) if threads.len() < CONNECTIONS && shared.hears(from.ip()) => {
                let shared = Arc::clone(shared);
                let work = move || drop(shared.converse(stream));
                threads.extend(Builder::new().name("modurust-osc-peer".into()).spawn(work));
            }
            // Somebody who is not heard, or one too many: the connection is closed at once.
            Ok(_) => {}
            Err(_) => std::thread::sleep(NAP),
        }
    }
    for thread in threads {
        let _ = thread.join();
    }
}
