package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"limbeck/internal/testkit"
	"limbeck/model/gguf"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// In a terminal, Ctrl-C stops a reply and not the chat, which goes on where it was:
// the second turn reads nothing again of the first, the stopped reply included.
func TestChatInTerminal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "endless.gguf")
	writeEndless(t, path)
	x := startInTerminal(t, "limbeck", "run", path, "--verbose", "--max-tokens", "0", "--threads", "1")
	const ctrlC = "\x03"
	var read, cached, written [2]int
	for turn, line := range []string{"hello", "go on"} {
		x.expect(">>> ")
		x.write(line + "\n")
		x.expect("qqqq")
		x.write(ctrlC)
		x.expect(` \[stopped\]`)
		found := x.expect(`prompt (\d+) tokens \((\d+) cached\)`)
		read[turn], cached[turn] = number(t, found[1]), number(t, found[2])
		written[turn] = number(t, x.expect(`reply (\d+) tokens, [0-9.]+ tok/s, finish reason interrupted,`)[1])
	}
	// The token that was written last is in no cache: it has not been read.
	if first := read[0] + written[0] - 1; cached[0] != 0 || cached[1] < first || read[1] <= cached[1] {
		t.Errorf("turns of %d tokens (%d cached) and %d (%d cached), want %d cached of the second", read[0], cached[0], read[1], cached[1], first)
	}
	x.expect(">>> ")
	x.write(ctrlC) // with no reply on its way
	x.expect("/bye or Ctrl-D ends the chat")
	x.leave()
}

// A message that the template renders as nothing is refused, and the chat goes on.
func TestChatOfNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "silent.gguf")
	m := testkit.Model(1)
	if err := m.SetTemplate("{% if false %}x{% endif %}"); err != nil {
		t.Fatal(err)
	}
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	x := startInTerminal(t, "limbeck", "run", path, "--threads", "1")
	for range 2 {
		x.expect(">>> ")
		x.write("hello\n")
		x.expect("the prompt is empty")
	}
	x.leave()
}

// A chat with a model that is built in names it, and what is unsure is told even where
// remarks are not.
func TestChatWithBuiltin(t *testing.T) {
	x := startInTerminal(t, "limbeck", "run", "builtin:home-assistant", "--threads", "1")
	x.expect("Chatting with builtin:home-assistant; /help tells more.")
	x.write("/bye\n")
	x = startInTerminal(t, "limbeck", "run", "builtin:home-assistant", "--threads", "1", "--quiet", "--min-confidence", "1")
	x.expect(">>> ")
	x.write("hi\n")
	x.expect("unsure: confidence 0.[0-9]+, below 1")
	x.leave()
}

// A line that the terminal cuts is refused, and the longest that it does not is said.
func TestChatOfLongLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "endless.gguf")
	writeEndless(t, path)
	x := startInTerminal(t, "limbeck", "run", path, "--max-tokens", "1", "--threads", "1")
	x.expect(">>> ")
	x.write(strings.Repeat("x", terminalLine+900) + "\n")
	x.expect("a line of 4095 bytes or more, of which a terminal loses the end; give it as a file")
	x.expect(">>> ")
	x.write(strings.Repeat("x", terminalLine-1) + "\n")
	x.expect("the reply is cut at 1 token")
	x.leave()
}

// Lines between fences are one message, and none once they are interrupted.
func TestChatOfSeveralLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "endless.gguf")
	writeEndless(t, path)
	x := startInTerminal(t, "limbeck", "run", path, "--max-tokens", "1", "--threads", "1")
	x.expect(">>> ")
	x.write(fence + "\n")
	x.expect(`\.\.\. `)
	x.write("/nothing\n")
	x.expect(`\.\.\. `)
	x.write(fence + "\n")
	x.expect("the reply is cut at 1 token")
	x.expect(">>> ")
	x.write(fence + "\n")
	x.expect(`\.\.\. `)
	x.write("\x03")
	x.expect("ends the chat")
	x.expect(">>> ")
	x.write("/nothing\n")
	x.expect("no command /nothing")
	x.leave()
}

// Lines are edited, and brought back; the model, and the commands, get what is then seen.
func TestChatEditsLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "endless.gguf")
	writeEndless(t, path)
	x := startInTerminal(t, "limbeck", "run", path, "--max-tokens", "1", "--threads", "1")
	const left, up = "\x1b[D", "\x1b[A"
	for _, typed := range []string{"/nthing" + strings.Repeat(left, 5) + "o", up, up + up, "/nüö\x7f\x7fothing"} {
		x.expect(">>> ")
		x.write(typed + "\r")
		x.expect(`no command /nothing; `)
	}
	x.expect(">>> ")
	x.write("/wrong\x03")
	x.expect(`\^C\r\n/bye or Ctrl-D ends the chat`)
	x.expect(">>> ")
	x.write("/right\r/next\rhello\r") // as a paste has them
	x.expect("no command /right")
	x.expect("no command /next")
	x.expect("the reply is cut at 1 token")
	x.leave()
}

// However a chat ends, the terminal is as it was; so it is while a reply is written.
func TestChatRestoresTerminal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "endless.gguf")
	writeEndless(t, path)
	hangup := syscall.SIGHUP
	if signal.Ignored(hangup) { // as nohup has it: so does what it starts
		hangup = syscall.SIGTERM
	}
	for name, end := range map[string]func(x *terminal){
		"/bye":    func(x *terminal) { x.write("/bye\r") },
		"Ctrl-D":  func(x *terminal) { x.write("\x04") },
		"SIGTERM": func(x *terminal) { _ = x.cmd.Process.Signal(syscall.SIGTERM) },
		"amid a reply": func(x *terminal) {
			x.write("hello\r")
			x.expect("qqqq")
			_ = x.cmd.Process.Signal(syscall.SIGTERM)
		},
		"amid a line": func(x *terminal) { x.write("hel"); x.expect("hel"); _ = x.cmd.Process.Signal(hangup) },
	} {
		x := startInTerminal(t, "limbeck", "run", path, "--max-tokens", "0", "--threads", "1")
		x.expect("Chatting with ")
		const cooked = unix.ECHO | unix.ICANON | unix.ISIG // as every terminal begins
		x.expect(">>> ")
		if now := x.state(); now.Lflag&cooked != 0 {
			t.Errorf("%s: a line is edited in a terminal that is not raw: %x", name, now.Lflag)
		}
		if name == "amid a reply" {
			x.write("hello\r")
			x.expect("qqqq")
			if now := x.state(); now.Lflag&cooked != cooked || now.Oflag&unix.OPOST == 0 {
				t.Errorf("a reply is written to a raw terminal: %x, %x", now.Lflag, now.Oflag)
			}
			x.write("\x03")
			x.expect(">>> ")
		}
		end(x)
		_ = x.cmd.Wait() // some end it with code 130
		if now := x.state(); now.Lflag&cooked != cooked || now.Iflag&unix.ICRNL == 0 || now.Oflag&unix.OPOST == 0 {
			t.Errorf("%s: the terminal is left raw: %x, %x, %x", name, now.Iflag, now.Oflag, now.Lflag)
		}
	}
}

// Ctrl-Z gives the terminal back to the shell, and what was typed is there afterward.
func TestChatIsSuspended(t *testing.T) {
	x := startInTerminal(t, "sh", "-i")
	x.write("limbeck run builtin:home-assistant --threads 1\n")
	x.expect("/help tells more")
	x.expect(">>> ")
	x.write("/noth\x1a")
	x.expect("Stopped|Suspended")
	x.write("stty -a\n")
	x.expect(`[^-]icanon`)
	x.write("fg\n")
	x.expect(">>> /noth")
	x.write("ing\r")
	x.expect("no command /nothing")
	x.expect(">>> ")
	x.write("/bye\rexit\n")
	if err := x.cmd.Wait(); err != nil {
		t.Errorf("the shell ended with %v:\n%s", err, x.text())
	}
}

// What is typed ahead counts, the end of the input too.
func TestChatTypedAhead(t *testing.T) {
	x := startInTerminal(t, "limbeck", "run", "builtin:home-assistant", "--threads", "1")
	x.write("/früh\n\x04")
	x.expect("no command /früh")
	if err := x.cmd.Wait(); err != nil {
		t.Errorf("the chat ended with %v:\n%s", err, x.text())
	}
}

// Where the screen obeys no escape sequences, lines are what the terminal makes them.
func TestChatInDumbTerminal(t *testing.T) {
	t.Setenv("TERM", "dumb")
	x := startInTerminal(t, "limbeck", "run", "builtin:home-assistant", "--threads", "1")
	x.expect(">>> ")
	if now := x.state(); now.Lflag&unix.ICANON == 0 {
		t.Error("the terminal is raw")
	}
	x.write("/nothing\n")
	x.expect("no command /nothing")
	x.leave()
}

// leave ends a chat that waits for a line.
func (x *terminal) leave() {
	x.t.Helper()
	x.expect(">>> ")
	x.write("/bye\n")
	if err := x.cmd.Wait(); err != nil {
		x.t.Errorf("the chat ended with %v:\n%s", err, x.text())
	}
}

func number(t *testing.T, digits string) int {
	t.Helper()
	n, err := strconv.Atoi(digits)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What goes wrong amid a reply is told on a line of its own.
func TestChatFailsAmidReply(t *testing.T) {
	path := filepath.Join(t.TempDir(), "once.gguf")
	meta, tensors, q := endless()
	for _, x := range tensors { // the first element of q, which is its only one, becomes too large
		v, width := dtype.Floats(x.Data), x.Shape[len(x.Shape)-1]
		switch x.Name {
		case "token_embd.weight":
			clear(v[q*width+1 : (q+1)*width])
		case "output_norm.weight":
			v[0] = math.MaxFloat32
		case "output.weight":
			v[q*width] = 0 // of all else, it is not seen
		}
	}
	if err := gguf.Write(path, meta, tensors); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer // as a terminal shows both
	a := newApp(nil, &said, &said)
	f := &runFlags{}
	e, err := f.open(a, path)
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	c := &conversation{app: a, f: f, e: e, s: e.NewSession(0)}
	const want = "q\nlimbeck: "
	if more, err := c.take(t.Context(), "hello"); !more || err != nil || !strings.HasPrefix(said.String(), want) {
		t.Errorf("more %v, %v, said %q, want %q first", more, err, &said, want)
	}
}

// writeEndless writes an endless model.
func writeEndless(t *testing.T, path string) {
	t.Helper()
	meta, tensors, _ := endless()
	if err := gguf.Write(path, meta, tensors); err != nil {
		t.Fatal(err)
	}
}

// endless returns a model that says q, whatever it is told, for a million tokens: its
// blocks add nothing, and the head sees ones alone.
func endless() (meta *gguf.Meta, tensors []*tensor.Tensor, q int) {
	m := testkit.Model(1)
	q = m.Tokenizer.Encode("q", false)[0]
	width := m.Config().Width
	keys, tensors := m.GGUF()
	keys.Set("llama.context_length", uint32(1<<20))
	head := tensor.New("output.weight", dtype.F32, m.Config().Vocab, width)
	tensors = append(tensors, head)
	for _, x := range tensors {
		v := dtype.Floats(x.Data)
		for i := range v {
			switch {
			case x.Name == "token_embd.weight", x == head && i/width == q:
				v[i] = 1
			case strings.HasSuffix(x.Name, "attn_output.weight"), strings.HasSuffix(x.Name, "ffn_down.weight"):
				v[i] = 0
			}
		}
	}
	return &keys, tensors, q
}

// A terminal is a program in a pseudo-terminal of its own: pty(7).
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File

	mu   sync.Mutex
	said []byte
	seen int // of said, up to where expect has found something
}

func startInTerminal(t *testing.T, name string, args ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, cmd: cmd, master: master}
	go x.listen()
	return x
}

// listen takes what the program says until its end, which is an error of reading.
func (x *terminal) listen() {
	for buffer := make([]byte, 4096); ; {
		n, err := x.master.Read(buffer)
		x.mu.Lock()
		x.said = append(x.said, buffer[:n]...)
		x.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (x *terminal) write(text string) {
	x.t.Helper()
	if _, err := x.master.WriteString(text); err != nil {
		x.t.Fatal(err)
	}
}

// expect waits until the program says something that matches pattern, after what
// was expected before, and returns it with its groups.
func (x *terminal) expect(pattern string) []string {
	x.t.Helper()
	p := regexp.MustCompile(pattern)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		x.mu.Lock()
		news := x.said[x.seen:]
		at, found := p.FindIndex(news), p.FindStringSubmatch(string(news))
		if at != nil {
			x.seen += at[1]
		}
		x.mu.Unlock()
		if at != nil {
			return found
		}
	}
	x.t.Fatalf("nothing like %q in\n%s", pattern, x.text())
	return nil
}

// state returns how the program's end of the terminal is set.
func (x *terminal) state() *unix.Termios {
	x.t.Helper()
	s, err := unix.IoctlGetTermios(int(x.master.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return s
}

// text returns the end of what the program has said.
func (x *terminal) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return string(x.said[max(0, len(x.said)-2000):])
}
