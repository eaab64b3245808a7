package compare

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"limbeck/data"
	"limbeck/eval"
	"limbeck/eval/report"
	"limbeck/internal/disk"
	"limbeck/model/generate"
	"limbeck/tensor/kernel"
)

// An outcome is what is kept of a contestant.
type outcome struct {
	Model   report.Model `json:"model"`   // what it is, and its measured speed
	Most    int          `json:"most"`    // tokens that a reply may have
	Replies []reply      `json:"replies"` // one an example; nil if only the loss counts
	Losses  []float64    `json:"losses"`  // two numbers an item, see [eval.ReplyLosses]
}

// A reply is an answer with its probability.
type reply struct {
	Text       string  `json:"text"`
	Confidence float64 `json:"confidence"`
	Read       int     `json:"prompt_tokens"`
	Written    int     `json:"reply_tokens"`
	Cut        bool    `json:"cut,omitempty"` // it came to no end within the most, or the context
}

// answer lets a model answer all examples, or finds that it did.
func (c *comparison) answer(ctx context.Context, r *row) error {
	key := c.key("answers", r.Digest, c.taskName(), fmt.Sprint(c.losses(), data.TextPiece))
	if !c.recallOutcome(key, r) {
		if err := c.work(ctx, r); err != nil {
			return err
		}
		if err := c.keep(key, &r.outcome); err != nil {
			return err
		}
	}
	r.Model.Name, r.Model.Role, r.Model.Digest = r.Name, r.Role, "sha256:"+r.Digest
	return nil
}

// work opens a model and asks it.
func (c *comparison) work(ctx context.Context, r *row) error {
	debug.FreeOSMemory() // what the model before held
	m, err := c.Open(r.Ref)
	if err != nil {
		return err
	}
	defer m.Close()
	precision, err := generate.NewPrecision(m.Config(), c.Exact, c.Cache)
	if err != nil {
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	r.Model = describe(m)
	m.Pack(c.pool)
	runner := generate.NewRunner(m, c.pool, precision)
	progress := func(done, total int) { c.Progress(r.Name+" answers", int64(done), int64(total), "") }
	r.Most = eval.ReplyTokens(m, c.examples)
	if c.task != nil {
		replies, err := eval.Answer(ctx, runner, c.examples, r.Most, progress)
		if err != nil {
			return err
		}
		for i := range replies {
			x := &replies[i]
			// As JSON keeps it: a resumed comparison must score the same.
			text := strings.ToValidUTF8(x.Text, "\uFFFD")
			r.Replies = append(r.Replies, reply{text, x.Confidence(), x.PromptTokens, len(x.IDs), x.Finish == generate.Length})
		}
	}
	if c.losses() {
		progress = func(done, total int) { c.Progress(r.Name+" reads", int64(done), int64(total), "") }
		r.Losses, err = eval.ReplyLosses(ctx, m, runner.Tape(), c.examples, progress)
	}
	return err
}

// answersVersion changes with what answers that were kept hold.
const answersVersion = 5

// key names what is kept of a kind: it changes with all that it depends on.
func (c *comparison) key(kind string, of ...string) string {
	h := sha256.New()
	fmt.Fprintln(h, answersVersion, data.Digest(c.examples), c.Exact, c.Cache, kernel.Tier(), of)
	return kind + "-" + hex.EncodeToString(h.Sum(nil)[:8]) + ".json"
}

// recall reads what was kept. What cannot be read is made again.
func (c *comparison) recall(key string, v any) bool {
	if c.Checkpoints == "" {
		return false
	}
	text, err := os.ReadFile(filepath.Join(c.Checkpoints, key))
	return err == nil && json.Unmarshal(text, v) == nil
}

// recallOutcome reads a model's answers, if those of all examples were kept.
func (c *comparison) recallOutcome(key string, r *row) bool {
	var o outcome // a failed recall must leave nothing behind for the work to add to
	if !c.recall(key, &o) || !c.complete(&o) {
		return false
	}
	r.outcome = o
	return true
}

// complete tells whether an outcome from a file has what scoring and timing index.
func (c *comparison) complete(o *outcome) bool {
	if o.Most < 1 || c.task != nil && len(o.Replies) != len(c.examples) {
		return false
	}
	for _, r := range o.Replies {
		// Rounding may leave a confidence above 1.
		if r.Read < 0 || r.Written < 0 || !(r.Confidence >= 0 && r.Confidence <= 1+1e-6) {
			return false
		}
	}
	for i, l := range o.Losses {
		if i%2 == 1 && l < 0 { // tokens of an item
			return false
		}
	}
	return len(o.Losses)%2 == 0 && (len(o.Losses) > 0) == c.losses()
}

// noteCut says whose replies came to no end: the figures count them as they are.
func (c *comparison) noteCut() {
	var cut []string
	for _, r := range c.rows {
		n := 0
		for i := range r.Replies {
			if r.Replies[i].Cut {
				n++
			}
		}
		if n > 0 {
			cut = append(cut, fmt.Sprintf("%s: %d of %d, at %d tokens or the end of the context", r.Name, n, len(r.Replies), r.Most))
		}
	}
	if len(cut) > 0 {
		c.Notes = append(c.Notes, report.Note{Title: "Cut replies", Text: strings.Join(cut, "; ") + ". They are judged as far as they go."})
	}
}

// keep writes what is to be recalled. What JSON cannot hold, as losses of a damaged model
// that are no numbers, is not kept but made again.
func (c *comparison) keep(key string, v any) error {
	if c.Checkpoints == "" {
		return nil
	}
	err := disk.Write(filepath.Join(c.Checkpoints, key), func(w io.Writer) error { return json.NewEncoder(w).Encode(v) })
	if errors.As(err, new(*json.UnsupportedValueError)) {
		return nil
	}
	return err
}
