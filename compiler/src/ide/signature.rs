//! How the function is called whose bracket is open, and which parameter comes now.

use crate::ide::complete::topics_of;
use crate::ide::context::Context;
use crate::ide::document::Document;
use crate::ide::position::floor;
use std::ops::Range;

/// A hint while a call is typed.
#[derive(Clone, Debug, PartialEq)]
pub struct SignatureHelp {
    /// `lpf(x, freq: hz = 1khz in 20hz..20khz log, q = 0.707 in 0.1..20)`
    pub signature: String,
    /// One sentence.
    pub doc: String,
    /// The parameters, as bytes of the signature.
    pub params: Vec<Range<usize>>,
    /// The parameter that the place is in; `None` behind the last.
    pub active: Option<usize>,
}

/// The hint at a byte: one for each meaning of the function's name, none outside of calls of known functions.
pub fn signature(document: &Document, at: usize) -> Vec<SignatureHelp> {
    let context = Context::new(document.text(), floor(document.text(), at));
    let Some(call) = context.call().filter(|_| context.inside.is_none()) else { return Vec::new() };
    let help = |topic: crate::ide::topic::Topic| {
        let params = topic.params();
        let place = call.argument + usize::from(call.piped);
        let active = match &call.named {
            Some(name) => params.iter().position(|range| topic.param_name(range) == Some(name)),
            // `..` at the end goes on for ever.
            None if params.last().is_some_and(|last| &topic.signature[last.clone()] == "..") => {
                Some(place.min(params.len() - 1))
            }
            None => (place < params.len()).then_some(place),
        };
        SignatureHelp { doc: topic.summary.clone(), active, params, signature: topic.signature }
    };
    topics_of(document, &call.function).into_iter().filter(|topic| topic.is_function()).map(help).collect()
}
