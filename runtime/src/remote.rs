//! A handle to a session for whoever stands outside of the command that started it: network servers, controllers, views.
//!
//! It can be cloned and sent between threads. It asks for things as the command does, and sees how everything stands; notices are the
//! command's alone. After the end of the session what it asks for is nothing.

use crate::command::Command;
use crate::feedback::Feedback;
use crate::meter::Meters;
use crate::session::{Message, Snapshot};
use arc_swap::ArcSwap;
use modurust_compiler::program::Program;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The handle.
#[derive(Clone)]
pub struct Remote {
    inbox: Sender<Message>,
    snapshot: Arc<Mutex<Snapshot>>,
    feedback: Arc<ArcSwap<Feedback>>,
    meters: Arc<Meters>,
}

impl Remote {
    pub(crate) fn new(
        inbox: Sender<Message>,
        snapshot: Arc<Mutex<Snapshot>>,
        feedback: Arc<ArcSwap<Feedback>>,
        meters: Arc<Meters>,
    ) -> Remote {
        Remote { inbox, snapshot, feedback, meters }
    }

    /// Asks for something.
    pub fn send(&self, command: Command) {
        self.post(Message::Command(command, Instant::now()));
    }

    pub(crate) fn post(&self, message: Message) {
        let _ = self.inbox.send(message);
    }

    /// The program that was published last.
    pub fn program(&self) -> Option<Program> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).program.clone()
    }

    /// The program that was published last, and what is launched.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How everything stands, as of the last thirtieth of a second. Never waits.
    pub fn feedback(&self) -> Arc<Feedback> {
        self.feedback.load_full()
    }

    /// Meters and position.
    pub fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }
}
