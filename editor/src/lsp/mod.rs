//! The language server: the Language Server Protocol 3.17 over standard input and output.
//!
//! It holds the texts that editors have open and answers from [`modurust_runtime::compiler::ide`]; nothing about the language is
//! known here. Every change of a text is applied as it comes; what is wrong is worked out when the editor is quiet for a moment, by
//! the front stages of the compiler, with the unsaved texts laid over the files. A fault in one answer is an error message to the
//! editor, never the end of the server.
//!
//! ```text
//! messages -> serve (one thread) -> texts (open files, incremental changes, UTF-16)
//!                                -> answer (ide -> protocol)
//!                                -> problems (compiler -> diagnostics)
//! ```

mod answer;
mod problems;
mod texts;

use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};
use lsp_types::notification::{self, Notification as _};
use lsp_types::request::{self, Request as _};
use lsp_types::*;
use modurust_runtime::world::FileWorld;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use texts::Texts;

/// How long an editor is quiet before it is told what is wrong.
const QUIET: Duration = Duration::from_millis(25);

/// Serves until the editor says that it is done, or goes away.
pub fn serve() -> anyhow::Result<()> {
    let (connection, threads) = Connection::stdio();
    let (id, _) = connection.initialize_start()?;
    let answer = json!({
        "capabilities": capabilities(),
        "serverInfo": {"name": "modurust", "version": env!("CARGO_PKG_VERSION")},
    });
    connection.initialize_finish(id, answer)?;
    let mut server = Server { texts: Texts::default(), problems: problems::Problems::new() };
    let ended = server.run(&connection);
    drop(connection);
    ended?;
    threads.join().map_err(|why| anyhow::anyhow!("the editor sent something that is no message: {why}"))
}

fn capabilities() -> ServerCapabilities {
    let words = |signs: &[&str]| Some(signs.iter().map(|sign| sign.to_string()).collect());
    ServerCapabilities {
        position_encoding: Some(PositionEncodingKind::UTF16),
        text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::INCREMENTAL),
            save: Some(TextDocumentSyncSaveOptions::Supported(true)),
            ..TextDocumentSyncOptions::default()
        })),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        completion_provider: Some(CompletionOptions {
            trigger_characters: words(&[".", "(", "'", "\""]),
            ..CompletionOptions::default()
        }),
        signature_help_provider: Some(SignatureHelpOptions {
            trigger_characters: words(&["(", ","]),
            retrigger_characters: words(&[":"]),
            ..SignatureHelpOptions::default()
        }),
        definition_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        document_highlight_provider: Some(OneOf::Left(true)),
        rename_provider: Some(OneOf::Right(RenameOptions {
            prepare_provider: Some(true),
            work_done_progress_options: WorkDoneProgressOptions::default(),
        })),
        document_formatting_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        semantic_tokens_provider: Some(SemanticTokensServerCapabilities::SemanticTokensOptions(
            SemanticTokensOptions {
                legend: answer::legend(),
                full: Some(SemanticTokensFullOptions::Bool(true)),
                ..SemanticTokensOptions::default()
            },
        )),
        ..ServerCapabilities::default()
    }
}

struct Server {
    texts: Texts,
    problems: problems::Problems,
}

/// Why a request has no answer: the code of the protocol, and a sentence for people.
struct Refused(ErrorCode, String);

impl Server {
    fn run(&mut self, connection: &Connection) -> anyhow::Result<()> {
        loop {
            let wait = if self.texts.changed() { QUIET } else { Duration::from_secs(3600) };
            // Nothing came for a while: the editor is told what is wrong. A closed channel is an editor that went away.
            let message = match connection.receiver.recv_timeout(wait) {
                Ok(message) => message,
                Err(error) if error.is_timeout() => {
                    self.publish(connection);
                    continue;
                }
                Err(_) => return Ok(()),
            };
            match message {
                Message::Request(request) => {
                    if connection.handle_shutdown(&request)? {
                        return Ok(());
                    }
                    let response = self.respond(request);
                    connection.sender.send(response.into())?;
                }
                Message::Notification(note) if note.method == notification::Exit::METHOD => return Ok(()),
                Message::Notification(note) => self.note(note, connection),
                Message::Response(_) => {}
            }
        }
    }

    /// Answers a request. A panic is a fault of the program, which must not take the editor's other questions with it.
    fn respond(&mut self, request: Request) -> Response {
        let id = request.id.clone();
        match catch_unwind(AssertUnwindSafe(|| self.answer(request))) {
            Ok(Ok(result)) => Response::new_ok(id, result),
            Ok(Err(Refused(code, why))) => Response::new_err(id, code as i32, why),
            Err(_) => {
                let why = "this is a fault of the program, please report it with the text";
                Response::new_err(id, ErrorCode::InternalError as i32, why.to_string())
            }
        }
    }

    fn answer(&mut self, request: Request) -> Result<Value, Refused> {
        match request.method.as_str() {
            request::HoverRequest::METHOD => {
                let p: HoverParams = read(request.params)?;
                self.at(&p.text_document_position_params, answer::hover)
            }
            request::Completion::METHOD => {
                let p: CompletionParams = read(request.params)?;
                self.at(&p.text_document_position, |open, at| answer::completion(open, at, &FileWorld::new()))
            }
            request::SignatureHelpRequest::METHOD => {
                let p: SignatureHelpParams = read(request.params)?;
                self.at(&p.text_document_position_params, answer::signature)
            }
            request::GotoDefinition::METHOD => {
                let p: GotoDefinitionParams = read(request.params)?;
                self.at(&p.text_document_position_params, answer::definition)
            }
            request::References::METHOD => {
                let p: ReferenceParams = read(request.params)?;
                self.at(&p.text_document_position, answer::references)
            }
            request::DocumentHighlightRequest::METHOD => {
                let p: DocumentHighlightParams = read(request.params)?;
                self.at(&p.text_document_position_params, answer::same_name)
            }
            request::PrepareRenameRequest::METHOD => {
                let p: TextDocumentPositionParams = read(request.params)?;
                self.at(&p, answer::renameable)
            }
            request::Rename::METHOD => {
                let p: RenameParams = read(request.params)?;
                let (text, at) = self.texts.place(&p.text_document_position).ok_or_else(not_open)?;
                answer::rename(text, at, &p.new_name).map_err(|why| Refused(ErrorCode::RequestFailed, why))
            }
            request::Formatting::METHOD => {
                let p: DocumentFormattingParams = read(request.params)?;
                self.of(&p.text_document, answer::formatting)
            }
            request::DocumentSymbolRequest::METHOD => {
                let p: DocumentSymbolParams = read(request.params)?;
                self.of(&p.text_document, answer::symbols)
            }
            request::SemanticTokensFullRequest::METHOD => {
                let p: SemanticTokensParams = read(request.params)?;
                self.of(&p.text_document, answer::tokens)
            }
            method => Err(Refused(ErrorCode::MethodNotFound, format!("`{method}` is not understood here"))),
        }
    }

    /// An answer about a place of an open text.
    fn at<T: Serialize>(
        &mut self,
        place: &TextDocumentPositionParams,
        ask: impl FnOnce(&texts::Open, usize) -> T,
    ) -> Result<Value, Refused> {
        let (text, at) = self.texts.place(place).ok_or_else(not_open)?;
        Ok(json!(ask(text, at)))
    }

    /// An answer about an open text.
    fn of<T: Serialize>(
        &mut self,
        document: &TextDocumentIdentifier,
        ask: impl FnOnce(&texts::Open) -> T,
    ) -> Result<Value, Refused> {
        Ok(json!(ask(self.texts.get(&document.uri).ok_or_else(not_open)?)))
    }

    fn note(&mut self, note: Notification, connection: &Connection) {
        match note.method.as_str() {
            notification::DidOpenTextDocument::METHOD => {
                if let Ok(p) = read::<DidOpenTextDocumentParams>(note.params) {
                    self.texts.open(p.text_document.uri, p.text_document.text, p.text_document.version);
                }
            }
            notification::DidChangeTextDocument::METHOD => {
                if let Ok(p) = read::<DidChangeTextDocumentParams>(note.params) {
                    self.texts.change(&p.text_document.uri, p.content_changes, p.text_document.version);
                }
            }
            notification::DidCloseTextDocument::METHOD => {
                if let Ok(p) = read::<DidCloseTextDocumentParams>(note.params) {
                    self.texts.close(&p.text_document.uri);
                    tell(connection, p.text_document.uri, Vec::new(), None);
                }
            }
            // A file that others use may have changed on disk.
            notification::DidSaveTextDocument::METHOD | notification::DidChangeWatchedFiles::METHOD => {
                self.texts.again();
            }
            _ => {}
        }
    }

    /// Tells the editor what is wrong with the texts that changed, and with those that may use them.
    fn publish(&mut self, connection: &Connection) {
        for (uri, version) in self.texts.take_changed() {
            let Some(text) = self.texts.get(&uri) else { continue };
            let found = catch_unwind(AssertUnwindSafe(|| self.problems.find(&self.texts, text))).unwrap_or_default();
            tell(connection, uri, found, Some(version));
        }
    }
}

fn tell(connection: &Connection, uri: Uri, diagnostics: Vec<Diagnostic>, version: Option<i32>) {
    let params = PublishDiagnosticsParams { uri, diagnostics, version };
    let note = Notification::new(notification::PublishDiagnostics::METHOD.to_string(), params);
    // An editor that went away is noticed where its messages are received.
    let _ = connection.sender.send(note.into());
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, Refused> {
    serde_json::from_value(params).map_err(|why| Refused(ErrorCode::InvalidParams, why.to_string()))
}

fn not_open() -> Refused {
    Refused(ErrorCode::InvalidParams, "this text is not open here".to_string())
}
