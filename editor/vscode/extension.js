// Starts `modurust lsp` and lets it talk with the editor.
const { workspace } = require('vscode');
const { LanguageClient } = require('vscode-languageclient/node');

let client;

exports.activate = () => {
  const command = workspace.getConfiguration('modu').get('path', 'modurust');
  const documents = { documentSelector: [{ language: 'modu' }] };
  client = new LanguageClient('modurust', 'Modurust', { command, args: ['lsp'] }, documents);
  return client.start();
};

exports.deactivate = () => client && client.stop();
