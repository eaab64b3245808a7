package data

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"limbeck/internal/disk"
)

// Options say how to read a file. The zero value reads every row of a file whose
// columns have the names of the package comment.
type Options struct {
	Format  string // ending of such files, without dot, or text; empty or auto: by the file's own
	Columns Columns
	Part    Split // keep only the rows that the file assigns to this part

	// Written takes, beside messages, the label or the intent and the slots that
	// [WriteJSONL] writes there. In others' logs keys of these names may mean
	// anything, and are ignored.
	Written bool

	// Notes tells what of a log is left out, and what of a table is not read. nil:
	// a row that would be left out is an error.
	Notes *Notes
}

// Columns name the columns of a table, or the keys of JSON rows, where they differ
// from their defaults: prompt, completion, text, label, intent, slots, id. A Prompt with a
// Label, and no Completion or Text, is the text.
type Columns struct {
	Prompt, Completion, Text, Label, Intent, Slots, ID string
}

// ErrEmpty is returned, wrapped, for data without a single example.
var ErrEmpty = errors.New("no examples")

// Load reads the examples of a reference: a file's path, or a pattern of
// [filepath.Match] that names several files, which are read in the order of [Paths].
// A suffix "#train", "#validation" (or "#val") or "#test" keeps only the rows that
// the files themselves assign to that part, as CLINC150's does.
func Load(ref string, o Options) ([]Example, error) {
	paths, err := Paths(ref)
	if err != nil {
		return nil, err
	}
	_, o = cutPart(ref, o)
	var all []Example
	for _, p := range paths {
		examples, err := loadFile(p, o)
		if err != nil {
			return nil, err
		}
		if len(all) > 0 && examples[0].Kind() != all[0].Kind() {
			return nil, fmt.Errorf("data: %s holds %v, the files before it %v: one data set holds one kind",
				p, examples[0].Kind(), all[0].Kind())
		}
		all = append(all, examples...)
	}
	return all, nil
}

// CutPart takes the name of the part off a reference: "train" off "a.json#train".
// A file that is there wins: its name may hold a "#".
func CutPart(ref string) (path, part string) {
	i := strings.LastIndexByte(ref, '#')
	if _, err := os.Stat(ref); err == nil || i < 0 || strings.ContainsAny(ref[i:], `/\`) {
		return ref, ""
	}
	return ref[:i], ref[i+1:]
}

// cutPart is [CutPart] for options.
func cutPart(ref string, o Options) (string, Options) {
	path, part := CutPart(ref)
	switch part {
	case "":
	case "val":
		o.Part = Validation
	default:
		o.Part = Split(part)
	}
	return path, o
}

// A partError tells that a file has no rows of a part. It is an [ErrEmpty].
type partError struct {
	name string
	part Split
	has  []string
}

func (e *partError) Error() string {
	has := "its rows are not divided into parts"
	if len(e.has) > 0 {
		has = "there are " + strings.Join(e.has, ", ")
	}
	return fmt.Sprintf("data: %s: no part %q; %s", e.name, e.part, has)
}

func (e *partError) Unwrap() error { return ErrEmpty }

func noPart(name string, part Split, examples []Example) error {
	e := &partError{name: name, part: part}
	for _, s := range partsOf(examples) {
		e.has = append(e.has, string(s))
	}
	return e
}

// partsOf returns the parts that the examples' files assign them to.
func partsOf(examples []Example) []Split {
	var has []Split
	for _, s := range []Split{Train, Validation, Test} {
		if slices.ContainsFunc(examples, func(e Example) bool { return e.Split == s }) {
			has = append(has, s)
		}
	}
	return has
}

func loadFile(path string, o Options) ([]Example, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("data: %s is a folder; name a file or a pattern such as %s", path, pattern(path))
	}
	return Read(f, path, o)
}

const textEnding = ".txt"

// ending returns the one that tells the format of a file of that name: format's, or
// the file's own.
func ending(name, format string) string {
	switch format {
	case "", "auto":
		return strings.ToLower(filepath.Ext(name))
	case "text":
		return textEnding
	}
	return "." + format
}

// IsText tells whether [Read] makes one example of the whole file of that name.
func IsText(name, format string) bool { return ending(name, format) == textEnding }

// HasRows tells whether a file of that name holds rows, by its ending: one that [Read]
// knows, but for that of a text.
func HasRows(name string) bool {
	return slices.Contains(endings, ending(name, "")) && !IsText(name, "")
}

// Read reads the examples of one file; name tells its format by its ending and
// appears in errors. The result holds at least one example, all of one [Kind].
func Read(r io.Reader, name string, o Options) ([]Example, error) {
	in := &importer{name: name, opt: o}
	var err error
	ext := ending(name, o.Format)
	switch ext {
	case ".jsonl", ".ndjson":
		err = in.readLines(r)
	case ".json":
		err = in.readDocument(r)
	case ".csv":
		err = in.readCSV(r)
	case ".tsv":
		err = in.readTSV(r)
	case textEnding:
		err = in.readText(r)
	default:
		err = fmt.Errorf("data: %s: format %q is not known; known are: %s", name, ext, strings.Join(endings, ", "))
	}
	if err != nil {
		return nil, err
	}
	examples := in.out
	if o.Part != "" {
		if examples = partOf(examples, o.Part); len(examples) == 0 && len(in.out) > 0 {
			return nil, noPart(name, o.Part, in.out)
		}
	}
	if len(examples) == 0 {
		return nil, fmt.Errorf("data: %s: %w%s", name, ErrEmpty, in.left.after(" but "))
	}
	return examples, nil
}

// maxFile bounds a file that must be held in memory as a whole.
const maxFile = 1 << 30

// An importer collects the examples of one file.
type importer struct {
	name string
	opt  Options
	out  []Example
	left LeftOut
}

// errorf returns an error at a line, and a column unless it is 0.
func (in *importer) errorf(line, column int, format string, args ...any) error {
	at := fmt.Sprintf("%s:%d", in.name, line)
	if column > 0 {
		at = fmt.Sprintf("%s:%d", at, column)
	}
	return fmt.Errorf("data: %s: %w", at, fmt.Errorf(format, args...))
}

// add keeps e, which starts at a line, or says why it cannot be kept.
func (in *importer) add(e Example, line int) error {
	e.Line = line
	if e.ID == "" {
		e.ID = fmt.Sprintf("%s:%d", filepath.Base(in.name), line)
	}
	if err := check(&e); err != nil {
		return in.errorf(line, 0, "%w", err)
	}
	if len(in.out) > 0 && in.out[0].Kind() != e.Kind() {
		return in.errorf(line, 0, "row holds %v, the rows before it %v: one file holds one kind", e.Kind(), in.out[0].Kind())
	}
	in.out = append(in.out, e)
	return nil
}

// check says what keeps e from being an example.
func check(e *Example) error {
	if len(e.Messages) == 0 {
		if blank(e.Text) {
			return errors.New("empty text")
		}
		return nil
	}
	reply, ok := e.Reply()
	switch {
	case !ok:
		return &gap{noReply, fmt.Sprintf("last message has role %q, want a reply with role \"assistant\"", e.Messages[len(e.Messages)-1].Role)}
	case len(e.Messages) == 1:
		return errors.New("a reply without a message before it")
	case blank(reply):
		return &gap{noReply, "empty reply"}
	case blank(e.Input()):
		return &gap{noText, "empty prompt"}
	}
	for _, s := range e.Slots {
		if s.Name == "" || s.Name == intentKey {
			return fmt.Errorf("slot name %q is not allowed: names are not empty, and %q holds the intent", s.Name, intentKey)
		}
	}
	return nil
}

func blank(text string) bool { return strings.TrimSpace(text) == "" }

// readText makes one example of a whole file.
func (in *importer) readText(r io.Reader) error {
	if err := in.opt.Columns.none("a text"); err != nil {
		return in.errorf(1, 0, "%w", err)
	}
	b, err := in.readAll(r)
	if err != nil {
		return err
	}
	if blank(string(b)) {
		return nil
	}
	if line, column, ok := invalidUTF8(b); ok {
		return in.errorf(line, column, "not UTF-8")
	}
	return in.add(Example{Text: string(b), Whole: true}, 1)
}

// readAll reads a file of bounded size without its byte order mark.
func (in *importer) readAll(r io.Reader) ([]byte, error) {
	b, err := readBounded(r)
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", in.name, err)
	}
	return trimMark(b), nil
}

// readBounded reads all of r, if that is not too much.
func readBounded(r io.Reader) ([]byte, error) {
	b, err := disk.ReadAll(r, maxFile)
	if err == disk.ErrLong {
		err = fmt.Errorf("more than %d bytes, which a file that is read as a whole may have; cut it, or write rows as .jsonl", maxFile)
	}
	return b, err
}

const byteOrderMark = "\uFEFF"

func trimMark(b []byte) []byte {
	if len(b) >= len(byteOrderMark) && string(b[:len(byteOrderMark)]) == byteOrderMark {
		return b[len(byteOrderMark):]
	}
	return b
}

// invalidUTF8 returns the line and column of the first byte that is not UTF-8.
func invalidUTF8(b []byte) (line, column int, found bool) {
	i := badByte(b)
	if i < 0 {
		return 0, 0, false
	}
	line, column = position(b, i)
	return line, column, true
}

// position returns the line and column, both from 1, of the byte at offset i.
// Columns count characters.
func position(b []byte, i int) (line, column int) {
	before := string(b[:min(i, len(b))])
	start := strings.LastIndexByte(before, '\n') + 1
	return 1 + strings.Count(before, "\n"), 1 + utf8.RuneCountInString(before[start:])
}
