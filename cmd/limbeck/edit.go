package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// An editor lets the user of a terminal edit lines as they are typed, and brings back
// earlier ones. The terminal is raw only meanwhile: of a reply, lines end and Ctrl-C is a
// signal as anywhere.
type editor struct {
	raw     *rawMode
	console *os.File
	screen  io.Writer
	keys    *keys

	mu   sync.Mutex // guards term
	term *term.Terminal
}

func newEditor(raw *rawMode, console, screen *os.File) *editor {
	e := &editor{raw: raw, console: console, screen: screen}
	e.keys = newKeys(console, screen)
	e.keys.pressed = func() { e.fit(screen) }
	e.keys.suspend = func() error {
		e.raw.leave()
		suspend()
		if err := e.raw.enter(console); err != nil {
			return err
		}
		_, err := io.WriteString(e.term, "") // draws the line anew
		return err
	}
	e.term = newTerminal(e.keys, nil)
	e.fit(screen)
	return e
}

// fit tells the terminal's width to what draws in it. One that does not know its own has
// 80 columns, as [term.NewTerminal] does.
func (e *editor) fit(screen *os.File) {
	const least = 20
	if width, height, err := term.GetSize(int(screen.Fd())); err == nil && width >= least {
		_ = e.term.SetSize(width, height) // an error of drawing comes again
	}
}

// ask implements [lineSource].
func (e *editor) ask(ctx context.Context, sign string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := e.raw.enter(e.console); err != nil {
		return "", err
	}
	defer e.raw.leave()
	line, err := unlessInterrupted(ctx, func() (string, error) {
		defer e.raw.leave() // before the next line is asked for, and before a panic is told
		return e.line(sign)
	})
	switch {
	case errors.Is(err, io.EOF):
		fmt.Fprintln(e.screen)
	case errors.Is(err, errDropped):
		fmt.Fprint(e.screen, "^C") // as a terminal shows it
	}
	return line, err
}

// line returns the next line.
func (e *editor) line(sign string) (string, error) {
	e.term.SetPrompt(sign)
	line, err := e.term.ReadLine()
	switch {
	case errors.Is(err, term.ErrPasteIndicator): // what is pasted is said like what is typed
		err = nil
	case errors.Is(err, errDropped): // by one that knows nothing of the line
		e.mu.Lock()
		e.term = newTerminal(e.keys, e.term.History)
		e.mu.Unlock()
	}
	return line, err
}

// tell implements [lineSource].
func (e *editor) tell(text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.raw.on() {
		fmt.Fprintf(e.screen, "\n%s\n", text)
		return
	}
	e.term.SetPrompt(promptSign)
	fmt.Fprintln(e.term, text)
}

// newTerminal returns what edits lines of k, which remembers what history does.
func newTerminal(k *keys, past term.History) *term.Terminal {
	t := term.NewTerminal(k, "")
	if past == nil {
		past = history{t.History}
	}
	t.History = past
	t.AutoCompleteCallback = func(line string, at int, key rune) (string, int, bool) {
		if key != '\t' || len(line) >= terminalLine {
			return "", 0, false
		}
		return line[:at] + "\t" + line[at:], at + 1, true // of pasted text: nothing is completed
	}
	return t
}

// A history has no empty lines, and none twice in a row.
type history struct{ term.History }

// Add implements [term.History].
func (h history) Add(line string) {
	if strings.TrimSpace(line) != "" && (h.Len() == 0 || h.At(0) != line) {
		h.History.Add(line)
	}
}

// Keys are what the user types, as [term.Terminal] reads it, and what that draws.
type keys struct {
	in      *bufio.Reader
	last    rune // that was read
	out     io.Writer
	pressed func()       // is called when there are some; may be nil
	suspend func() error // on Ctrl-Z; may be nil
}

func newKeys(in io.Reader, out io.Writer) *keys {
	return &keys{in: bufio.NewReader(byBytes{in}), out: out}
}

// byBytes reads a byte at a time: what is typed behind a line may be for whoever reads the
// terminal next, a shell after /bye.
type byBytes struct{ r io.Reader }

// Read implements [io.Reader].
func (b byBytes) Read(p []byte) (int, error) { return b.r.Read(p[:min(1, len(p))]) }

// errDropped is of a line that Ctrl-C ends.
var errDropped = errors.New("the line was dropped")

const (
	keyCtrlC  = 3
	keyCtrlD  = 4
	keyEnd    = 5 // Ctrl-E
	keyCtrlZ  = 26
	keyEscape = 27
)

// atOnce is how soon comes what was typed before it was asked for.
const atOnce = 100 * time.Millisecond

// spellings are sequences that terminals send for keys, none shorter than that by which
// [term.Terminal] knows the key: ECMA-48's with SS3 for CSI, as xterm's keypad, the VT220's
// Home and End, and words with Ctrl.
var spellings = strings.NewReplacer("\x1bO", "\x1b[", "\x1b[1~", "\x1b[H", "\x1b[7~", "\x1b[H", "\x1b[4~", "\x1b[F", "\x1b[8~", "\x1b[F",
	"\x1b[1;5C", "\x1b[1;3C", "\x1b[1;5D", "\x1b[1;3D")

// longestSequence is more bytes than a key's has. One that goes on could take all memory.
const longestSequence = 32

// Read implements [io.Reader]: it reads a key.
func (k *keys) Read(p []byte) (int, error) {
	asked := time.Now()
	var typed []byte
	for more := true; more; more = halfway(typed) {
		r, _, err := k.in.ReadRune()
		last := k.last
		k.last = r
		switch {
		case err != nil:
			return 0, err
		case len(typed) > longestSequence:
			return 0, errDropped
		case r == keyCtrlC:
			p[0] = keyEnd // the line is left as it is, the cursor behind it
			return 1, errDropped
		case r == keyCtrlZ && k.suspend != nil:
			return 0, k.suspend()
		case r == '\n' && last == '\r': // one end of a line, not two
			return 0, nil
		case r == 0 && time.Since(asked) < atOnce: // a Ctrl-D before raw mode, as Linux names it
			r = keyCtrlD
		case r == utf8.RuneError: // for which [term.Terminal] waits
			r = '?'
		}
		typed = utf8.AppendRune(typed, r)
	}
	if k.pressed != nil {
		k.pressed()
	}
	return copy(p, spellings.Replace(string(typed))), nil
}

// halfway tells whether what is typed is a sequence that goes on, as [term.Terminal] would
// find too, but for SS3.
func halfway(typed []byte) bool {
	if len(typed) == 0 || typed[0] != keyEscape {
		return false
	}
	ends := func(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '~' }
	return !bytes.ContainsFunc(bytes.TrimPrefix(typed[1:], []byte{'O'}), ends)
}

// Write implements [io.Writer]. A character of a line that would move the cursor is shown
// as a space: a tab, and controls of two bytes.
func (k *keys) Write(p []byte) (int, error) {
	shown := bytes.Map(func(r rune) rune {
		if r == '\t' || 0x80 <= r && r < 0xa0 {
			return ' '
		}
		return r
	}, p)
	if _, err := k.out.Write(shown); err != nil {
		return 0, err
	}
	return len(p), nil
}

// A rawMode is of a terminal that hands on keys as they are pressed, while it does. The
// zero value is of none.
type rawMode struct {
	mu      sync.Mutex
	console *os.File
	before  *term.State // nil while it does not
	ended   bool
}

// enter makes console raw.
func (r *rawMode) enter(console *os.File) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return context.Canceled
	}
	if r.before != nil {
		return nil
	}
	before, err := term.MakeRaw(int(console.Fd()))
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	r.console, r.before = console, before
	return nil
}

// leave makes the terminal what it was before.
func (r *rawMode) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.restore()
}

// end is leave, for good.
func (r *rawMode) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.restore()
	r.ended = true
}

func (r *rawMode) restore() {
	if r.before != nil {
		_ = term.Restore(int(r.console.Fd()), r.before) // one that is gone needs no restoring
		r.before = nil
	}
}

func (r *rawMode) on() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.before != nil
}
