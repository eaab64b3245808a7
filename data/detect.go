package data

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"limbeck/internal/typeset"
)

// A Description is what a look at a data set tells about it.
type Description struct {
	Examples  int
	Form      Form
	Labels    []string // Classification: the distinct replies as they are spelled, sorted
	Intents   []string // StructuredJSON: sorted
	SlotNames []string // StructuredJSON: sorted
	Turns     int      // the most messages in one conversation, the reply included
	LongReply int      // characters of the longest reply

	Near Misses // what keeps the data from another form, if it is little
}

// Misses are the few replies that keep data from a form; the zero value is none.
type Misses struct {
	Form  Form
	N, Of int    // replies that are not of the form, of so many
	First string // the ID of the first example that has one
}

// mostMisses is how many of a hundred replies are few, as strays in a log are.
const mostMisses = 5

// add counts the reply of e.
func (m *Misses) add(e *Example) {
	if m.N++; m.N == 1 {
		m.First = e.ID
	}
}

// String says how many replies are not of the form, and where the first stands; "" for
// none.
func (m Misses) String() string {
	if m.N == 0 {
		return ""
	}
	others := map[Form]string{StructuredJSON: "JSON objects with an intent", FreeJSON: "JSON objects",
		Classification: fmt.Sprintf("as short as labels, %d characters", labelChars)}
	return fmt.Sprintf("all but %s of %s replies are %s, the first that is not stands in %s; without such rows the data is %s",
		typeset.Number(m.N), typeset.Number(m.Of), others[m.Form], m.First, m.Form)
}

// A Form is the form of a data set's replies.
type Form string

// The forms that Detect tells apart.
const (
	Classification Form = "classification"
	StructuredJSON Form = "structured JSON"
	FreeJSON       Form = "JSON objects"
	FreeText       Form = "chat log, free text"
	PlainText      Form = "plain text"
)

// Replies in free text count as labels if they are short and few. Few rows, such
// as those that somebody wants a model to be judged on, cannot show that labels
// repeat: there, replies count that read like names.
const (
	labelChars  = 64  // the longest reply that may be a label, in characters
	labelRepeat = 5   // examples that a label must have, on average
	fewRows     = 100 // that need not show it
	labelWords  = 3   // of a reply that reads like a name
)

// nameLike tells whether a reply reads like the name of a class, "card arrival" or
// "Sci/Tech", and not like something that is said.
func nameLike(reply string) bool {
	return len(strings.Fields(reply)) <= labelWords && !strings.ContainsAny(reply, ".!?,;{\n")
}

// Detect looks at examples and says what they are: labels and intents as the
// importers found them, or as the replies of a log spell them.
func Detect(examples []Example) Description {
	d := Description{Examples: len(examples), Form: PlainText}
	replies, labels := map[string]bool{}, map[string]bool{} // labels: normalized
	intents, slots := map[string]bool{}, map[string]bool{}
	answered, labeled, short, names := 0, 0, 0, true // short: distinct labels
	noGold, noObject, long := Misses{Form: StructuredJSON}, Misses{Form: FreeJSON}, Misses{Form: Classification}
	for i := range examples {
		e := &examples[i]
		d.Turns = max(d.Turns, len(e.Messages))
		reply, ok := e.Reply()
		if !ok {
			continue
		}
		answered++
		length := utf8.RuneCountInString(reply)
		if length > labelChars {
			long.add(e)
		}
		if !replies[reply] {
			label := Normalize(reply)
			if length <= labelChars && !labels[label] {
				short++
			}
			replies[reply], labels[label] = true, true
		}
		names = names && nameLike(reply)
		d.LongReply = max(d.LongReply, length)
		if e.Label != "" {
			labeled++
		}
		if g, ok := e.Gold(); !ok {
			noGold.add(e)
		} else {
			intents[g.Intent] = true
			for _, s := range g.Slots {
				slots[s.Name] = true
			}
		}
		if _, err := ParseReply(reply); err != nil {
			noObject.add(e)
		}
	}
	few := len(labels)*labelRepeat <= answered || answered < fewRows && names
	switch {
	case answered == 0:
		if d.Turns > 0 {
			d.Form = FreeText
		}
	case labeled < answered && noGold.N == 0:
		d.Form, d.Intents, d.SlotNames = StructuredJSON, sorted(intents), sorted(slots)
	case labeled < answered && noObject.N == 0:
		d.Form = FreeJSON
	case labeled == answered || few && long.N == 0:
		d.Form, d.Labels = Classification, sorted(replies)
	default:
		d.Form = FreeText
	}
	if short*labelRepeat > answered-long.N {
		long.N = 0 // too many labels if they were left out
	}
	d.Near = d.nearest(answered, noGold, noObject, long)
	return d
}

// nearest returns the first misses of a form that says more than the data's own, if
// they are few of so many replies.
func (d *Description) nearest(of int, misses ...Misses) Misses {
	for _, m := range misses {
		if m.Form == d.Form {
			break
		}
		if m.N > 0 && 100*m.N <= mostMisses*of {
			m.Of = of
			return m
		}
	}
	return Misses{}
}

func sorted(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for s := range set {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// String describes the data in a phrase: "classification, 151 labels".
func (d Description) String() string {
	switch d.Form {
	case Classification:
		return "classification, " + typeset.Counted(d.Classes(), "label")
	case StructuredJSON:
		return fmt.Sprintf("structured JSON, %s, %s", typeset.Counted(len(d.Intents), "intent"), typeset.Counted(len(d.SlotNames), "slot"))
	}
	return string(d.Form)
}

// Metric names the figure that the data should be judged by, as comparisons call
// it.
func (d Description) Metric() string {
	switch d.Form {
	case Classification: // the exact match of the label
		return "accuracy"
	case PlainText, FreeText:
		return "perplexity"
	}
	return "exact_match"
}

// Task names the evaluation task (limbeck eval --task) that gives Metric.
func (d Description) Task() string {
	switch d.Form {
	case StructuredJSON:
		return "json_slots"
	case PlainText, FreeText:
		return "perplexity"
	}
	return "exact_match"
}
