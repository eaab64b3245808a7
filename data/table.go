package data

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"limbeck/internal/typeset"
)

// readCSV reads comma-separated values (RFC 4180) with a header.
func (in *importer) readCSV(r io.Reader) error {
	text := bufio.NewReader(r)
	if head, _ := text.Peek(len(byteOrderMark)); string(head) == byteOrderMark {
		_, _ = text.Discard(len(byteOrderMark)) // they are there
	}
	head := firstLine(text)
	bounded := &recordReader{r: text}
	cr := csv.NewReader(bounded)
	cr.FieldsPerRecord = -1
	var t *table
	for line := 0; ; {
		bounded.left = maxLine
		cells, err := cr.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, errLongRecord) {
			return in.errorf(line+1, 0, "row of more than %d bytes, which begins here or later; is a quotation mark not closed?", maxLine)
		}
		// Names are quoted.
		if err != nil && t == nil && !strings.Contains(head, ",") && parted(head) != "" {
			return in.partedError(1, head)
		}
		if err != nil {
			return in.csvError(err)
		}
		line, _ = cr.FieldPos(0)
		for i, c := range cells {
			if !utf8.ValidString(c) {
				at, column := cr.FieldPos(i)
				return in.errorf(at, column, "not UTF-8")
			}
		}
		if t == nil {
			t, err = in.header(cells, line)
		} else {
			err = t.add(cells, line)
		}
		if err != nil {
			return err
		}
	}
}

// firstLine returns the first line of what r will read, as far as it is at hand.
func firstLine(r *bufio.Reader) string {
	b, _ := r.Peek(r.Size()) // or what there is
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSuffix(line, "\r")
}

// parted says what the columns of a header that is read as one seem to be parted by; ""
// for nothing.
func parted(header string) string {
	for _, by := range []struct{ sign, name string }{{"\t", "tabs"}, {";", "semicolons"}, {",", "commas"}} {
		if strings.Contains(header, by.sign) {
			return by.name
		}
	}
	return ""
}

// partedError is of a header whose columns are parted as this format does not.
func (in *importer) partedError(line int, header string) error {
	return in.errorf(line, 0, "the header is one column, %q, which seems to be several, parted by %s: save the table with commas as .csv, or with tabs as .tsv",
		header, parted(header))
}

// A recordReader reads no more than is left, so that a quotation mark without its
// like does not bring the rest of a file into memory.
type recordReader struct {
	r    io.Reader
	left int
}

var errLongRecord = errors.New("a long record")

func (r *recordReader) Read(b []byte) (int, error) {
	if r.left <= 0 {
		return 0, errLongRecord
	}
	n, err := r.r.Read(b)
	r.left -= n
	return n, err
}

func (in *importer) csvError(err error) error {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return in.errorf(p.Line, p.Column, "%w", p.Err)
	}
	return fmt.Errorf("data: %s: %w", in.name, err)
}

// readTSV reads tab-separated values with a header. As IANA's
// text/tab-separated-values says, nothing is quoted: a quotation mark is one.
func (in *importer) readTSV(r io.Reader) error {
	var t *table
	return in.eachLine(r, func(line int, b []byte) (err error) {
		if _, column, bad := invalidUTF8(b); bad {
			return in.errorf(line, column, "not UTF-8")
		}
		if len(b) == 0 {
			return nil
		}
		cells := strings.Split(string(b), "\t")
		if t == nil {
			t, err = in.header(cells, line)
			return err
		}
		for i, c := range cells {
			if quotedAsCSV(c) {
				return in.errorf(line, 0, "cell %d is quoted as in CSV, but in a .tsv quotation marks are text: take them away, or write the table as .csv", i+1)
			}
		}
		return t.add(cells, line)
	})
}

// quotedAsCSV tells whether a cell is surely quoted: marks around it, all within
// doubled, and at least one. A cell of a TSV may begin and end with marks of its own.
func quotedAsCSV(cell string) bool {
	if len(cell) < 4 || cell[0] != '"' || cell[len(cell)-1] != '"' {
		return false
	}
	inside := cell[1 : len(cell)-1]
	rest := strings.ReplaceAll(inside, `""`, "")
	return rest != inside && !strings.Contains(rest, `"`)
}

// A table turns lines of cells into rows.
type table struct {
	in    *importer
	names []string
	shape shape
}

// header reads the names of the columns.
func (in *importer) header(names []string, line int) (*table, error) {
	has := map[string]bool{}
	for i, n := range names {
		n = strings.TrimSpace(n)
		if has[n] {
			return nil, in.errorf(line, 0, "two columns are named %q", n)
		}
		has[n] = true
		names[i] = n
	}
	s, err := in.opt.Columns.shape(has, columnOfTable)
	if err != nil && len(names) == 1 && parted(names[0]) != "" {
		return nil, in.partedError(line, names[0])
	}
	if err != nil {
		return nil, in.errorf(line, 0, "%w", err)
	}
	return &table{in: in, names: append([]string(nil), names...), shape: s}, nil
}

func (t *table) add(cells []string, line int) error {
	if len(cells) != len(t.names) {
		return t.in.errorf(line, 0, "%s, want %d as in the header", typeset.Counted(len(cells), "cell"), len(t.names))
	}
	r := make(row, len(cells))
	for i, c := range cells {
		r[t.names[i]] = appendString(nil, c)
	}
	if t.shape == shapeMessages { // a cell that holds a list as JSON
		r["messages"] = json.RawMessage(cells[indexOf(t.names, "messages")])
	}
	return t.in.addShaped(r, t.shape, line)
}

func indexOf(names []string, name string) int {
	for i, n := range names {
		if n == name {
			return i
		}
	}
	panic("data: no column " + name)
}
