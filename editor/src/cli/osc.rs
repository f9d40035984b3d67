//! `--osc`: whether a command that plays listens to other programs, where, and to whom.

use super::ports::HandArgs;
use super::{Failure, terminal};
use modurust_runtime::osc::dispatch::Eval;
use modurust_runtime::osc::{self, Osc, OscError, OscOptions};
use modurust_runtime::session::Session;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, channel};

/// A server, and the statements that came by it. Dropping it ends it.
pub(crate) struct Heard {
    #[allow(dead_code, reason = "kept for what dropping it does")]
    osc: Osc,
    /// To be evaluated by whoever has the text.
    pub evals: Receiver<Eval>,
}

impl Heard {
    /// The server, and apart from it the statements that come by it.
    pub fn apart(self) -> (Osc, Receiver<Eval>) {
        (self.osc, self.evals)
    }
}

/// What a command that plays takes for it.
#[derive(clap::Args, Clone, Default)]
pub(crate) struct OscArgs {
    /// Listen to OSC by UDP and TCP, and answer OSCQuery by HTTP; without an address to this machine alone, without `--osc` to nobody
    #[arg(long = "osc", value_name = "[ADDRESS:]PORT", value_parser = osc::address)]
    listen: Option<SocketAddr>,
    /// The address that is listened at, in place of this machine alone
    #[arg(long = "osc-bind", value_name = "ADDRESS", requires = "listen")]
    bind: Option<IpAddr>,
    /// Machines beside this one that may send OSC, and that `osc_out` may send to
    #[arg(long = "osc-allow", value_name = "IP,..", value_delimiter = ',')]
    allow: Vec<IpAddr>,
    #[command(flatten)]
    pub hands: HandArgs,
}

impl OscArgs {
    /// Machines beside this one that are heard and sent to.
    pub fn allowed(&self) -> &[IpAddr] {
        &self.allow
    }

    /// Listens, if that is asked for, and says where.
    pub fn start(&self, session: &Session) -> Result<Option<Heard>, Failure> {
        let Some(mut listen) = self.listen else { return Ok(None) };
        self.bind.into_iter().for_each(|ip| listen.set_ip(ip));
        let (evaluator, evals) = channel();
        let options = OscOptions { listen, allow: self.allow.clone() };
        let osc = Osc::start(&options, session.remote(), Some(evaluator));
        let osc = osc.map_err(|why| match why {
            OscError::Nobody(_) => Failure::Usage(why.to_string()),
            why => Failure::outside(why),
        })?;
        let address = osc.address();
        terminal::complain(&format!("OSC on {address}, its addresses at http://{address}\n"));
        Ok(Some(Heard { osc, evals }))
    }
}
