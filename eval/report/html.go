package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"limbeck/internal/typeset"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// pageTemplate is the whole page. Everything that comes from a report passes
// html/template's escaping, or svg's.
var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// pageStart is what every page begins with.
var pageStart = func() []byte {
	_, page, _ := strings.Cut(pageHTML, "\n<!DOCTYPE")
	start, _, _ := strings.Cut(page, "{{")
	return []byte("<!DOCTYPE" + start)
}()

// BeginsHTML tells whether a file with these first bytes, some hundred of them, is
// what WriteHTML writes.
func BeginsHTML(head []byte) bool { return bytes.HasPrefix(head, pageStart) }

// securityPolicy lets the page run its own style and script, known by their
// hashes, and nothing else: no network, no inline style, no frame, no form.
func securityPolicy() string {
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; style-src " + hash(pageCSS) + "; script-src " + hash(pageJS) +
		"; base-uri 'none'; form-action 'none'"
}

// WriteHTML writes the report as one HTML file that needs nothing else: no
// network, no font, and no script to be read, only for tooltips and sorting.
func (r *Report) WriteHTML(w io.Writer) error {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, r.page()); err != nil {
		return fmt.Errorf("report: write HTML: %w", err)
	}
	if _, err := w.Write(bytes.Map(pageRune, b.Bytes())); err != nil {
		return fmt.Errorf("report: write HTML: %w", err)
	}
	return nil
}

// pageRune is [typeset.Visible], but keeps the lines of the page's own source: style
// and script must stay the bytes that the policy's hashes name.
func pageRune(r rune) rune {
	if r == '\n' {
		return r
	}
	return typeset.Visible(r)
}
