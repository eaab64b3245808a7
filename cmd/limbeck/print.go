package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"

	"limbeck/internal/typeset"
)

// Results are where a command's results go. They keep the first error of writing,
// after which nothing is written, so that who writes need not ask: execute does.
type results struct {
	io.Writer
	err error
}

// Write implements [io.Writer].
func (r *results) Write(p []byte) (n int, err error) {
	if r.err == nil {
		n, r.err = r.Writer.Write(p)
	}
	return n, r.err
}

// print writes a command's result: v as JSON with --json, else what text writes.
func (a *app) print(v any, text func(w io.Writer)) error {
	if !a.json {
		text(a.out)
		return nil
	}
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printBeside prints a result beside which a file was to be written, and returns the
// error of writing that, if there was one: neither a full disk loses the result, nor
// a reader who leaves early the file.
func (a *app) printBeside(written error, show func() error) error {
	return errors.Join(show(), written)
}

// remark tells the user something that is no result, but may quote a file.
func (a *app) remark(format string, args ...any) {
	if !a.quiet {
		a.progress.line(typeset.Plain(fmt.Sprintf(format, args...)))
	}
}

// terminalOf returns the terminal that a stream is, nil for any other.
func terminalOf(stream any) *os.File {
	if r, ok := stream.(*results); ok {
		stream = r.Writer
	}
	if f, ok := stream.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

// screenOf is terminalOf, for what obeys escape sequences.
func screenOf(stream any) *os.File {
	if f := terminalOf(stream); f != nil && os.Getenv("TERM") != "dumb" && takesEscapes(f) {
		return f
	}
	return nil
}

// detail is a remark for --verbose.
func (a *app) detail(format string, args ...any) {
	if a.verbose {
		a.remark(format, args...)
	}
}

// tableWidth is how wide a table may be.
const tableWidth = 80

// A table is aligned text. A column of numbers is set to the right; the widest
// column of words is cut if the table is wider than tableWidth.
type table struct {
	head []string
	rows [][]string
}

// add adds a row. Its cells may be of a file.
func (t *table) add(cells ...string) {
	for i, c := range cells {
		cells[i] = typeset.Line(c)
	}
	t.rows = append(t.rows, cells)
}

const gap = "  "

func (t *table) write(w io.Writer) {
	widths, words := t.measure()
	for total(widths) > tableWidth {
		widest := -1
		for i, is := range words {
			if is && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		const least = 8
		if widest < 0 || widths[widest] <= least {
			break // a wide table is better than a wrong one
		}
		widths[widest] = max(least, widths[widest]-(total(widths)-tableWidth))
	}
	for _, row := range append([][]string{t.head}, t.rows...) {
		var b strings.Builder
		for i, cell := range row {
			cell = typeset.Cut(cell, widths[i], "…")
			if i > 0 {
				b.WriteString(gap)
			}
			if words[i] {
				b.WriteString(typeset.Left(cell, widths[i]))
			} else {
				b.WriteString(typeset.Right(cell, widths[i]))
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

// measure returns each column's width, and whether it holds words.
func (t *table) measure() (widths []int, words []bool) {
	widths, words = make([]int, len(t.head)), make([]bool, len(t.head))
	for i := range t.head {
		widths[i] = typeset.Width(t.head[i])
		numbers := 0
		for _, row := range t.rows {
			widths[i] = max(widths[i], typeset.Width(row[i]))
			switch first, _ := utf8.DecodeRuneInString(row[i]); {
			case unicode.IsDigit(first), strings.ContainsRune("+-−<>~", first) && len(row[i]) > 1:
				numbers++
			case row[i] != "" && row[i] != "-":
				words[i] = true
			}
		}
		words[i] = words[i] || numbers == 0
	}
	return widths, words
}

func total(widths []int) int {
	sum := len(gap) * (len(widths) - 1)
	for _, w := range widths {
		sum += w
	}
	return sum
}
