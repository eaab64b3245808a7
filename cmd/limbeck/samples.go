package main

import (
	"bytes"
	"encoding/json"
	"io"

	"limbeck/data"
	"limbeck/eval"
	"limbeck/eval/compare"
)

// sampleJSON is a line of eval's --log-samples.
type sampleJSON struct {
	sampleHead
	sampleReply
}

// comparedJSON is a line of the samples of a comparison.
type comparedJSON struct {
	sampleHead
	Replies []comparedReply `json:"replies"` // in the order of the report
}

type comparedReply struct {
	Model string `json:"model"`
	sampleReply
}

// sampleHead is what a line says of the example.
type sampleHead struct {
	ID     string         `json:"id"`
	Line   int            `json:"line,omitempty"`
	Prompt []data.Message `json:"prompt"`
	Gold   string         `json:"gold"`
}

// sampleReply is what a line says of a model's reply. Its confidence is its probability; a
// classical model tells none.
type sampleReply struct {
	Reply      string         `json:"reply"`
	Scores     eval.ItemScore `json:"scores"`
	Confidence *float64       `json:"confidence,omitempty"`
}

// Logs of samples, by the keys of their first line.
var (
	sampleLog   = fileKind{"log of samples", beginsWith("id", "prompt", "gold", "reply", "scores", "confidence")}
	comparedLog = fileKind{"log of samples", beginsWith("id", "prompt", "gold", "replies")}
)

// beginsWith returns what tells whether a file begins with a line of JSON that has keys.
func beginsWith(keys ...string) func(head []byte) bool {
	return func(head []byte) bool {
		line, _, _ := bytes.Cut(head, []byte("\n"))
		var has map[string]json.RawMessage
		if json.Unmarshal(line, &has) != nil {
			return false
		}
		for _, key := range keys {
			if has[key] == nil {
				return false
			}
		}
		return true
	}
}

// newHead returns what lines say of an example, of which s is a score.
func newHead(e *data.Example, s *eval.ItemScore) sampleHead {
	return sampleHead{s.ID, s.Line, e.Prompt(), s.Gold}
}

// writeSamples writes a line for each example that a model was measured on.
func writeSamples(w io.Writer, m *eval.Measurement) error {
	out := newLines(w)
	for i, s := range m.Result.Items {
		line := sampleJSON{newHead(&m.Examples[i], &s), sampleReply{s.Reply, s, &m.Confidences[i]}}
		if err := out.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// writeCompared writes a line for each example of a comparison.
func writeCompared(w io.Writer, samples []compare.Sample) error {
	out := newLines(w)
	for _, x := range samples {
		line := comparedJSON{sampleHead: newHead(x.Example, &x.Answers[0].Score)}
		for _, a := range x.Answers {
			line.Replies = append(line.Replies, comparedReply{a.Model, sampleReply{a.Score.Reply, a.Score, a.Confidence}})
		}
		if err := out.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

func newLines(w io.Writer) *json.Encoder {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return out
}
