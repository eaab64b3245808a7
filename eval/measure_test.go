package eval

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"limbeck/data"
	"limbeck/internal/testkit"
)

// Every task that is listed measures something, within the limit, and repeats what it is
// told of the data.
func TestMeasure(t *testing.T) {
	r := exactly(t, testkit.Model(1))
	examples := []data.Example{alarm(), data.NewStructured("lights off", "light_off", nil), data.NewStructured("stop", "stop", nil)}
	for _, task := range TaskNames() {
		m, err := Measure(t.Context(), r, Job{Task: task, Examples: examples, Limit: 2, Data: "abc"})
		if err != nil {
			t.Errorf("%s: %v", task, err)
			continue
		}
		if task == PerplexityTask {
			if p := m.Perplexity; p == nil || p.Digest != data.Digest(examples[:2]) || p.Data != "abc" || m.Result != nil {
				t.Errorf("%s: got %+v", task, m)
			}
			continue
		}
		if got := m.Result; got == nil || got.Task != task || got.N != 2 || got.Digest != data.Digest(examples[:2]) || got.Data != "abc" ||
			len(m.Examples) != 2 || len(m.Confidences) != 2 || m.Perplexity != nil {
			t.Errorf("%s: got %+v", task, m)
			continue
		}
		for i, c := range m.Confidences {
			if c <= 0 || c > 1 || m.Result.Items[i].ID != m.Examples[i].ID {
				t.Errorf("%s: item %d has probability %v and example %s", task, i, c, m.Examples[i].ID)
			}
		}
	}
}

// A choice is among the replies of all examples, judged or not.
func TestMeasureChoice(t *testing.T) {
	r := exactly(t, testkit.Model(1))
	all := []data.Example{data.NewLabeled("a", "cat"), data.NewLabeled("b", "mat")}
	if _, err := Measure(t.Context(), r, Job{Task: ChoiceTask, Examples: all, Limit: 1}); err != nil {
		t.Error(err)
	}
	want := "eval: task choice: 1 options, want at least 2"
	if _, err := Measure(t.Context(), r, Job{Task: ChoiceTask, Examples: all[:1]}); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// A reply may have as many tokens as the longest that is wanted, whatever the task.
func TestMeasureLongReplies(t *testing.T) {
	r := exactly(t, testkit.Model(1))
	long := data.NewStructured("hi", "say", []data.Slot{{Name: "word", Value: strings.Repeat("xz", 100)}})
	reply, _ := long.Reply()
	m, err := Measure(t.Context(), r, Job{Task: JSONSlots.Name, Examples: []data.Example{alarm(), long}})
	if err != nil {
		t.Fatal(err)
	}
	if want := len(r.Model.ReplyIDs(reply)); want <= LeastReply || m.Result.ReplyTokens < want {
		t.Errorf("replies of up to %d tokens, want at least %d", m.Result.ReplyTokens, want)
	}
}

// Examples that the context has no room for are left out, counted and told of: for the
// perplexity of replies room for all of the reply is needed, to write one a token's.
func TestMeasureLeavesOut(t *testing.T) {
	m := testkit.Model(1)
	r := exactly(t, m)
	long := strings.Repeat("xz", m.Config().Context)
	short, wordy, talkative := data.NewLabeled("hi", "yes"), data.NewLabeled(long, "no"), data.NewLabeled("hi", long)
	short.ID, wordy.ID, talkative.ID = "short", "wordy", "talkative"
	var told []string
	remark := func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }
	examples := []data.Example{short, wordy, talkative}
	for task, left := range map[string]int{ExactMatch.Name: 1, PerplexityTask: 2} {
		told = nil
		got, err := Measure(t.Context(), r, Job{Task: task, Examples: examples, Model: "tiny", Remark: remark})
		if err != nil {
			t.Errorf("%s: %v", task, err)
			continue
		}
		n := 0
		if got.Perplexity != nil {
			n = got.Perplexity.TooLong
		} else if n = got.Result.TooLong; len(got.Examples) != len(examples)-n {
			t.Errorf("%s: %d examples judged", task, len(got.Examples))
		}
		want := fmt.Sprintf("left out: %d of 3 examples are longer than the context of tiny, %d tokens; the first is wordy", left, m.Config().Context)
		if n != left || !slices.Equal(told, []string{want}) {
			t.Errorf("%s: %d left out, told %q, want %d, %q", task, n, told, left, want)
		}
	}
}

func TestMeasureErrors(t *testing.T) {
	m := testkit.Model(1)
	r := exactly(t, m)
	long := strings.Repeat("xz", m.Config().Context)
	for want, j := range map[string]Job{
		`eval: task "slots" is not known; known are: choice, exact_match, json_slots, perplexity`: {Task: "slots"},
		"none of 1 example fits in the context of tiny":                                           {Task: ExactMatch.Name, Examples: []data.Example{data.NewLabeled(long, "no")}},
		"which the model may choose, has ":                                                        {Task: ChoiceTask, Examples: []data.Example{data.NewLabeled("a", long), data.NewLabeled("b", "no")}, Limit: 1},
		"no reply to compare with":                                                                {Task: ExactMatch.Name, Examples: []data.Example{{Text: "plain"}}},
		"windows of 512 tokens, but the model was made for at most 128":                           {Task: PerplexityTask, Text: "the cat"},
	} {
		j.Model = "tiny"
		if got, err := Measure(t.Context(), r, j); err == nil || !strings.Contains(err.Error(), want) || got != nil {
			t.Errorf("%+v, error %v, want %s", got, err, want)
		}
	}
}
