// Package baseline is the classical answer to tasks of classification and slots:
// a linear support vector machine on TF-IDF of words and characters, and a
// conditional random field over words, trained in seconds on two cores. It stands
// in every comparison so that nobody ships a language model where none is needed.
//
// A trained model replies with the same text as a language model would, a label
// or a JSON object, and so is scored by the same metrics.
package baseline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"limbeck/data"
	"limbeck/internal/typeset"
)

// A Model answers what it was trained for. It is safe for concurrent use.
type Model struct {
	before string // begins all texts, and is cut off; see [preamble]
	words  *tfidf
	intent *classifier
	slots  *tagger // nil for labels alone
}

// Options choose the strength of the regularizers. The zero value takes what lies
// within one standard error of the best on the validation part of the home-assistant
// data; tuning.md lists all that was tried.
type Options struct {
	C      float64 // cost of a margin error of the classifier
	L2     float64 // penalty of the tagger's weights
	Epochs int     // passes of the tagger over the data
}

func (o Options) withDefaults() Options {
	if o.C == 0 {
		o.C = 0.2
	}
	if o.L2 == 0 {
		o.L2 = 0.03
	}
	if o.Epochs == 0 {
		o.Epochs = 15
	}
	return o
}

// Check returns nil if a baseline can learn these examples: they are a classification,
// or all have an intent, and there are not too many labels or slots. Else the error is
// a clause about the baseline, for people.
func Check(examples []data.Example) error {
	_, _, err := targets(examples)
	return err
}

// Shape returns how many labels, or intents, a baseline of these examples tells apart,
// and about by how many features. The error is that of [Check].
func Shape(examples []data.Example) (labels, features int, err error) {
	all, _, err := targets(examples)
	if err != nil {
		return 0, 0, err
	}
	slices.Sort(all)
	return len(slices.Compact(all)), expectFeatures(examples), nil
}

// Most that a baseline learns. As many weights take half a gigabyte, and some minutes;
// CLINC150, with 151 labels, takes 10 M. The best labels of a text take time by the square
// of the number of slots.
const (
	mostWeights = 1 << 27 // of the classifier
	mostSlots   = 500
)

// Features of short texts: n-grams repeat the more, the more text there is (Heaps' law).
// Measured on the home-assistant data, CLINC150, SNIPS, WikiText-2 and Tiny Shakespeare,
// none of which has more.
const (
	featuresByte = 0.2 // a byte, of the first
	featuresRoot = 180 // by the root of the bytes, of many
)

// expectFeatures returns about how many n-grams the texts of examples have, at most.
func expectFeatures(examples []data.Example) int {
	m, bytes := Model{before: preamble(examples)}, 0.0
	for i := range examples {
		bytes += float64(len(m.read(examples[i].Input())))
	}
	return int(min(featuresByte*bytes, featuresRoot*math.Sqrt(bytes)))
}

// Train learns from examples with labels, or with intents and slots, as
// [data.Detect] finds them: a log's replies may be its labels. Equal examples in
// equal order give an equal model. Its only other error is ctx's.
func Train(ctx context.Context, examples []data.Example, o Options) (*Model, error) {
	labels, form, err := targets(examples)
	if err != nil {
		return nil, fmt.Errorf("baseline: %w", err)
	}
	o = o.withDefaults()
	m := &Model{before: preamble(examples)}
	texts := make([]string, len(examples))
	for i := range examples {
		texts[i] = m.read(examples[i].Input())
	}
	var rows []vector
	m.words, rows = fitTFIDF(texts)
	var beside sync.WaitGroup
	if form == data.StructuredJSON {
		beside.Go(func() { m.slots = trainTagger(ctx, texts, examples, o) })
	}
	m.intent = trainClassifier(ctx, rows, m.words.size(), labels, o.C)
	beside.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return m, nil
}

// preamble returns the system message that all examples begin with, as it stands in
// their texts, or "". It tells nothing apart, yet an instruction of some length
// would outweigh the request after it.
func preamble(examples []data.Example) string {
	if text, several := data.SystemOf(examples); text != "" && !several {
		return text + "\n"
	}
	return ""
}

// read returns what the model reads of an example's input.
func (m *Model) read(text string) string { return strings.TrimPrefix(text, m.before) }

// targets returns each example's label or intent, and which form the examples have.
func targets(examples []data.Example) ([]string, data.Form, error) {
	if len(examples) == 0 {
		return nil, "", errors.New("there are no examples to learn from")
	}
	found := data.Detect(examples)
	names, what := found.Labels, "label"
	switch found.Form {
	case data.Classification:
	case data.StructuredJSON:
		names, what = found.Intents, "intent"
	default:
		return nil, "", errors.New("it learns labels, or intents with slots, which the training examples do not have")
	}
	if n := len(found.SlotNames); n > mostSlots {
		return nil, "", fmt.Errorf("the training examples have %s, and it learns %d at most", typeset.Counted(n, "slot name"), mostSlots)
	}
	if k, most := len(names), mostWeights/(1+expectFeatures(examples)); k > most {
		return nil, "", fmt.Errorf("the training examples have %s, and of so much text it learns %s at most", typeset.Counted(k, what), typeset.Number(most))
	}
	labels := make([]string, len(examples))
	for i := range examples {
		e := &examples[i]
		reply, ok := e.Reply()
		if !ok {
			return nil, "", fmt.Errorf("example %s (line %d) has neither a label nor an intent", e.ID, e.Line)
		}
		labels[i] = reply
		if found.Form == data.StructuredJSON {
			gold, _ := e.Gold()
			labels[i] = gold.Intent
		}
	}
	return labels, found.Form, nil
}

// Reply answers text with a label, or with the JSON object of intent and slots.
func (m *Model) Reply(text string) string {
	text = m.read(text)
	label := m.intent.predict(m.words.vector(text))
	if m.slots == nil {
		return label
	}
	return string(data.AppendReply(nil, label, m.slots.tag(text)))
}

// Parameters returns the number of weights.
func (m *Model) Parameters() int {
	n := len(m.intent.weights)
	if m.slots != nil {
		n += len(m.slots.crf.weight) + len(m.slots.crf.pairs)
	}
	return n
}

// Bytes returns what a file with the model would need at least: its weights in
// f32, and the names of its features.
func (m *Model) Bytes() int {
	const weight = 4
	n := weight*m.Parameters() + m.words.words.bytes() + m.words.chars.bytes()
	if m.slots != nil {
		for f := range m.slots.features {
			n += len(f) + 1
		}
	}
	return n
}

// bytes returns what the n-grams and their weights need.
func (b *block) bytes() int {
	n := 0
	for g := range b.index {
		n += len(g) + 1
	}
	return n + 4*len(b.idf)
}
