-- Neovim with nothing but the language server: what the test in editor/tests/lsp.rs looks at. Players copy the lines of the README.
vim.o.completeopt = 'menu,menuone,preview'
vim.diagnostic.config({ virtual_text = true })

local client = {
  name = 'modurust',
  cmd = { os.getenv('MODURUST'), 'lsp' },
  root_dir = vim.fn.getcwd(),
  on_attach = function(_, buffer)
    vim.api.nvim_buf_set_option(buffer, 'omnifunc', 'v:lua.vim.lsp.omnifunc')
    vim.api.nvim_buf_set_keymap(buffer, 'n', 'K', '<cmd>lua vim.lsp.buf.hover()<cr>', {})
  end,
}

-- The name of these two has changed since version 0.7, which Debian 12 has.
function Format()
  if vim.lsp.buf.format then vim.lsp.buf.format() else vim.lsp.buf.formatting_sync(nil, 5000) end
end

vim.api.nvim_create_autocmd('VimEnter', {
  callback = function()
    if vim.lsp.start then
      vim.lsp.start(client)
    else
      vim.lsp.buf_attach_client(0, vim.lsp.start_client(client))
    end
  end,
})
