// Package check is the part of the console that checks receipts and opened
// packages in the browser alone: ES modules over WebCrypto, which ask nobody.
//
// receipt.js gives a receipt the verdict of [writ/internal/proof], package.js an
// opened package that of [writ/internal/bag]; checker.js with checker.html is the
// part of a page that uses both. messages.en.yaml has every text that they show, by
// key. They need a Content-Security-Policy with script-src 'self' and nothing more.
//
// The tests run them in a real browser against the Go packages.
package check

import "embed"

// Assets are the modules and their style, which a page loads: all in one folder.
//
//go:embed *.js checker.css
var Assets embed.FS

// Page is the page's part, a template named "checker", and its texts.
//
//go:embed checker.html messages.en.yaml
var Page embed.FS
