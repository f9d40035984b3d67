"""A session with `modurust lsp` by a client that others wrote: pygls.

Run by editor/tests/lsp.rs as `client.py MODURUST FOLDER`; every step prints a line, the last line says how many. What an editor does in
an evening is done once: open, type, read what is wrong, ask, rename, format, leave.
"""

import asyncio
import pathlib
import sys

from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

SONG = """\
/// A bass of its own.
acid(freq, gate, cutoff = 400hz) = {
  env = ad(gate, 3ms, 180ms)
  saw(freq) >> ladder(cutoff*(1+6*env), res: 0.85) * env
}
// \U0001d11e bass
track bass = "0 3 7" >> scale(a1, minor) >> mono(acid)
out = saw(55hz) >> lpf(800ms)
"""

steps = 0


def step(what, holds, found=None):
    global steps
    if not holds:
        sys.exit(f"{what}: {found!r}")
    steps += 1
    print(what)


async def session(program, folder):
    client = LanguageClient("modurust-test", "1")
    published = asyncio.Queue()

    @client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    def _(params):
        published.put_nowait(params)

    async def problems(uri, version):
        while True:
            params = await asyncio.wait_for(published.get(), 30)
            if params.uri == uri and params.version == version:
                return list(params.diagnostics)

    await client.start_io(program, "lsp")
    started = await client.initialize_async(
        lsp.InitializeParams(capabilities=lsp.ClientCapabilities(), root_uri=folder.as_uri(), process_id=None)
    )
    can = started.capabilities
    step("initialize", started.server_info.name == "modurust" and can.hover_provider, started)
    step("columns are UTF-16", can.position_encoding == "utf-16", can.position_encoding)
    client.initialized(lsp.InitializedParams())

    uri = (folder / "a song é.modu").as_uri()
    here = lsp.TextDocumentIdentifier(uri)
    client.text_document_did_open(lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(uri, "modu", 1, SONG)))
    found = await problems(uri, 1)
    step("a wrong unit is told", len(found) == 1 and found[0].code == "E0301" and "800hz" in found[0].message, found)
    step("at its place", found[0].range == lsp.Range(lsp.Position(7, 23), lsp.Position(7, 28)), found[0].range)

    text = SONG

    def change(version, line, start, end, new):
        """Types; `text` follows by Python's own counting."""
        nonlocal text
        lines = text.split("\n")
        units = lines[line].encode("utf-16-le")
        lines[line] = (units[: 2 * start] + new.encode("utf-16-le") + units[2 * end :]).decode("utf-16-le")
        text = "\n".join(lines)
        span = lsp.Range(lsp.Position(line, start), lsp.Position(line, end))
        event = lsp.TextDocumentContentChangePartial(range=span, text=new)
        client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(lsp.VersionedTextDocumentIdentifier(version, uri), [event])
        )

    change(2, 7, 26, 28, "hz")
    step("mended, nothing is wrong", await problems(uri, 2) == [])

    def at(line, character):
        return {"text_document": here, "position": lsp.Position(line, character)}

    hover = await client.text_document_hover_async(lsp.HoverParams(**at(7, 20)))
    step("hover shows signature and docs", "lpf(x, freq: hz" in hover.contents.value and "12 dB" in hover.contents.value, hover)
    hover = await client.text_document_hover_async(lsp.HoverParams(**at(6, 50)))
    step("hover of a name of the text", "A bass of its own." in hover.contents.value, hover)
    hover = await client.text_document_hover_async(lsp.HoverParams(**at(999, 999)))
    step("hover nowhere", hover is None, hover)

    change(3, 7, 29, 29, " >> hp")
    done = await client.text_document_completion_async(lsp.CompletionParams(**at(7, 35)))
    items = {item.label: item for item in (done.items if hasattr(done, "items") else done)}
    step("completion", "hpf" in items and "High-pass" in items["hpf"].documentation, list(items)[:20])
    edit = items["hpf"].text_edit
    step("completion replaces what was typed", edit.range == lsp.Range(lsp.Position(7, 33), lsp.Position(7, 35)), edit)
    change(4, 7, 33, 35, "hpf(20hz, ")
    help_ = await client.text_document_signature_help_async(lsp.SignatureHelpParams(**at(7, 43)))
    active = help_.signatures[0].parameters[help_.active_parameter].label
    label = help_.signatures[0].label[active[0] : active[1]]
    step("signature help counts what is piped in", label.startswith("q = 0.707"), help_)
    change(5, 7, 41, 43, ")")
    step("still nothing is wrong", await problems(uri, 5) == [], text)

    # Behind a character of two units on the same line.
    change(6, 5, 5, 5, "\U0001d11e")
    change(7, 5, 7, 8, "?")
    await problems(uri, 7)
    place = await client.text_document_definition_async(lsp.DefinitionParams(**at(6, 51)))
    step("definition", place[0].range.start == lsp.Position(1, 0) and place[0].uri == uri, place)
    place = await client.text_document_definition_async(lsp.DefinitionParams(**at(7, 20)))
    line = pathlib.Path(place[0].uri.removeprefix("file://")).read_text().splitlines()[place[0].range.start.line]
    step("definition in the library", line.startswith("lpf(x, freq"), line)
    spoken = await client.text_document_references_async(
        lsp.ReferenceParams(context=lsp.ReferenceContext(True), **at(2, 3))
    )
    step("references", len(spoken) == 3, spoken)

    renamed = await client.text_document_rename_async(lsp.RenameParams(new_name="shape_", **at(2, 3)))
    edits = renamed.changes[uri]
    step("rename", len(edits) == 3 and {e.new_text for e in edits} == {"shape_"}, edits)
    for n, e in enumerate(sorted(edits, key=lambda e: (-e.range.start.line, -e.range.start.character))):
        change(8 + n, e.range.start.line, e.range.start.character, e.range.end.character, e.new_text)
    step("renamed, nothing is wrong", await problems(uri, 10) == [], text)
    try:
        await client.text_document_rename_async(lsp.RenameParams(new_name="then", **at(1, 1)))
        step("a word of the language is refused as a name", False)
    except Exception as why:
        step("a word of the language is refused as a name", "cannot be a name" in str(why), why)

    symbols = await client.text_document_document_symbol_async(lsp.DocumentSymbolParams(here))
    step("document symbols", [s.name for s in symbols] == ["acid", "bass", "out"], symbols)
    step("with what is inside", [s.name for s in symbols[0].children] == ["shape_"], symbols[0].children)

    tokens = await client.text_document_semantic_tokens_full_async(lsp.SemanticTokensParams(here))
    kinds = can.semantic_tokens_provider.legend.token_types
    lines, line, start, words = text.split("\n"), 0, 0, {}
    for i in range(0, len(tokens.data), 5):
        down, right, length, kind, _ = tokens.data[i : i + 5]
        line, start = line + down, right if down else start + right
        units = lines[line].encode("utf-16-le")
        words[units[2 * start : 2 * (start + length)].decode("utf-16-le")] = kinds[kind]
    wanted = {"track": "keyword", "acid": "function", "freq": "parameter", "800hz": "number", '"0 3 7"': "regexp"}
    step("semantic tokens", all(words.get(w) == k for w, k in wanted.items()), words)

    formatted = await client.text_document_formatting_async(
        lsp.DocumentFormattingParams(here, lsp.FormattingOptions(2, True))
    )
    step("formatting changes one line", len(formatted) == 1 and "1 + 6*shape_" in formatted[0].new_text, formatted)

    # Half a text, and then no text at all.
    change(20, 3, 0, 200, "  saw((")
    found = await problems(uri, 20)
    step("a bracket that is open is told", any(d.code == "E0002" for d in found), found)
    done = await client.text_document_completion_async(lsp.CompletionParams(**at(3, 7)))
    step("completion in a broken line", len(done.items if hasattr(done, "items") else done) > 100)
    whole = lsp.TextDocumentContentChangeWholeDocument(text="\0\u2028\r\r\n\U0001f3b5'\"((")
    client.text_document_did_change(
        lsp.DidChangeTextDocumentParams(lsp.VersionedTextDocumentIdentifier(21, uri), [whole])
    )
    step("any text is survived", len(await problems(uri, 21)) > 0)
    client.text_document_did_close(lsp.DidCloseTextDocumentParams(here))
    step("a closed text has no problems", await problems(uri, None) == [])
    try:
        await client.text_document_hover_async(lsp.HoverParams(**at(0, 0)))
        step("a closed text has no answers", False)
    except Exception as why:
        step("a closed text has no answers", "not open" in str(why), why)

    await client.shutdown_async(None)
    client.exit(None)
    code = await asyncio.wait_for(client._server.wait(), 30)
    step("shutdown", code == 0, code)
    print(f"{steps} steps")


asyncio.run(asyncio.wait_for(session(sys.argv[1], pathlib.Path(sys.argv[2]).resolve()), 120))
