package eval

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"limbeck/data"
	"limbeck/internal/testkit"
)

// exactTol allows for the order of double-precision sums only.
const exactTol = 1e-12

func alarm() data.Example {
	return data.NewStructured("wake me at six am and at seven on friday", "alarm_set",
		[]data.Slot{{Name: "time", Value: "six am"}, {Name: "time", Value: "seven"}, {Name: "date", Value: "friday"}})
}

func TestScoreSlots(t *testing.T) {
	for _, c := range []struct {
		name, reply     string
		valid, intent   bool
		tp, fp, fn      int
		values, foreign int
	}{
		{"perfect", `{"intent": "alarm_set", "time": ["six am", "seven"], "date": "friday"}`, true, true, 3, 0, 0, 3, 0},
		{"another order", `{"date": "friday", "time": ["seven", "six am"], "intent": "alarm_set"}`, true, true, 3, 0, 0, 3, 0},
		{"case and space", " {\"intent\":\"alarm_set\",\"time\":[\"SIX  am\",\" Seven\"],\"date\":\"Friday\"}\n", true, true, 3, 0, 0, 3, 0},
		{"a key twice", `{"intent": "alarm_set", "time": "six am", "time": "seven", "date": "friday"}`, true, true, 3, 0, 0, 3, 0},
		{"wrong intent", `{"intent": "alarm_query", "time": ["six am", "seven"], "date": "friday"}`, true, false, 3, 0, 0, 3, 0},
		{"intent in capitals", `{"intent": "Alarm_Set"}`, true, false, 0, 0, 3, 0, 0},
		{"no intent", `{"time": ["six am", "seven"], "date": "friday"}`, true, false, 3, 0, 0, 3, 0},
		{"two intents", `{"intent": "alarm_set", "intent": "alarm_set"}`, true, false, 0, 0, 3, 0, 0},
		{"a value too often", `{"intent": "alarm_set", "time": ["six am", "six am", "seven"], "date": "friday"}`, true, true, 3, 1, 0, 4, 0},
		{"a value of another slot", `{"intent": "alarm_set", "time": ["six am", "friday"]}`, true, true, 1, 1, 2, 2, 0},
		{"an invented value", `{"intent": "alarm_set", "time": ["six am", "nine"]}`, true, true, 1, 1, 2, 2, 1},
		{"a list as one string", `{"intent": "alarm_set", "time": "six am, seven"}`, true, true, 0, 1, 3, 1, 1},
		{"a number", `{"intent": "alarm_set", "time": 6}`, true, true, 0, 1, 3, 1, 1},
		{"null, true, object", `{"intent": "alarm_set", "a": null, "b": true, "c": {"time": "seven"}}`, true, true, 0, 3, 3, 3, 3},
		{"a name in capitals", `{"intent": "alarm_set", "Date": "friday"}`, true, true, 0, 1, 3, 1, 0},
		{"empty object", `{}`, true, false, 0, 0, 3, 0, 0},
		{"empty reply", ``, false, false, 0, 0, 3, 0, 0},
		{"cut off", `{"intent": "alarm_set", "time": ["six am", "seven"], "date": "friday"`, false, false, 0, 0, 3, 0, 0},
		{"two objects", `{"intent": "alarm_set"}{"intent": "alarm_set"}`, false, false, 0, 0, 3, 0, 0},
		{"prose after it", `{"intent": "alarm_set"} Done.`, false, false, 0, 0, 3, 0, 0},
		{"a fence", "```json\n{\"intent\": \"alarm_set\"}\n```", false, false, 0, 0, 3, 0, 0},
		{"a list", `[{"intent": "alarm_set"}]`, false, false, 0, 0, 3, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := alarm()
			s, err := JSONSlots.Score(&e, c.reply)
			if err != nil {
				t.Fatal(err)
			}
			exact := c.valid && c.intent && c.fp == 0 && c.fn == 0
			if s.Valid != c.valid || s.Intent != c.intent || s.TP != c.tp || s.FP != c.fp || s.FN != c.fn ||
				s.Values != c.values || s.Foreign != c.foreign || s.Exact != exact {
				t.Errorf("got %+v, want exact %v, %+v", s, exact, c)
			}
		})
	}
}

func TestScoreSlotsNormalizes(t *testing.T) {
	e := data.NewStructured("play cafe\u0301 del mar", "play", []data.Slot{{Name: "song", Value: "cafe\u0301 del mar"}})
	s, err := JSONSlots.Score(&e, `{"intent": "play", "song": "CAFÉ DEL MAR"}`)
	if err != nil || !s.Exact || s.Foreign != 0 {
		t.Errorf("got %+v, %v", s, err)
	}
	log := data.NewChat("play x", `{"intent": "play", "song": "x"}`) // a log of a model's replies
	if s, err := JSONSlots.Score(&log, `{"song": "x", "intent": "play"}`); err != nil || !s.Exact {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestJudgeSlots(t *testing.T) {
	examples := []data.Example{
		alarm(),
		data.NewStructured("lights off", "light_off", nil),
		data.NewStructured("play jazz", "play", []data.Slot{{Name: "genre", Value: "jazz"}}),
		data.NewStructured("stop", "stop", nil),
	}
	r, err := JSONSlots.Judge(examples, []string{
		`{"intent": "alarm_set", "time": ["six am", "eight"]}`, // tp 1, fp 1, fn 2, 1 of 2 foreign
		`{"intent": "light_off"}`,
		`{"intent": "play", "genre": jazz}`,  // invalid: fn 1
		`{"intent": "stop", "what": "stop"}`, // fp 1
	})
	if err != nil {
		t.Fatal(err)
	}
	// F1 = 2·1 / (2·1 + 2 + 3); values: two of the first, one of the last.
	want := map[string]float64{"exact_match": 0.25, "intent_accuracy": 0.75, "slot_f1": 2.0 / 7, "invalid_json": 0.25, "foreign_values": 1.0 / 3}
	if r.N != 4 || r.Task != "json_slots" || r.Digest != data.Digest(examples) || len(r.Figures) != len(want) {
		t.Errorf("got %+v", r)
	}
	for _, f := range r.Figures {
		if math.Abs(f.Value-want[f.Metric]) > exactTol || f.N != 4 || !(f.Lo <= f.Value && f.Value <= f.Hi) {
			t.Errorf("%s: got %+v, want %v", f.Metric, f.Estimate, want[f.Metric])
		}
	}
}

// Replies that are all right leave figures over slots without an interval.
func TestFiguresOfAllRight(t *testing.T) {
	examples := []data.Example{alarm(), data.NewStructured("stop", "stop", nil)}
	var replies []string
	for i := range examples {
		reply, _ := examples[i].Reply()
		replies = append(replies, reply)
	}
	r, err := JSONSlots.Judge(examples, replies)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r)
	for _, want := range []string{
		`{"metric":"exact_match","value":1,"se":0,"lo":0.1581`,
		`{"metric":"slot_f1","value":1,"se":null,"lo":null,"hi":null,"n":2}`,
		`{"metric":"foreign_values","value":0,"se":null,"lo":null,"hi":null,"n":2}`,
	} {
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s (%v)\nwant in it: %s", text, err, want)
		}
	}
}

func TestJudgeErrors(t *testing.T) {
	for _, c := range []struct {
		task Task
		e    data.Example
		want string
	}{
		{JSONSlots, data.NewChat("hi", "hello"), "task json_slots: example 7 (line 3): no intent to compare with"},
		{ExactMatch, data.Example{Text: "x"}, "task exact_match: example 7 (line 3): no reply to compare with"},
	} {
		c.e.ID, c.e.Line = "7", 3
		_, err := c.task.Judge([]data.Example{c.e}, []string{""})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %s", err, c.want)
		}
		if early := c.task.Check([]data.Example{c.e}); early == nil || early.Error() != err.Error() {
			t.Errorf("without replies: error %v, want %v", early, err)
		}
	}
	if err := JSONSlots.Check([]data.Example{alarm()}); err != nil {
		t.Error(err)
	}
}

// The longest reply of the data bounds those of a model.
func TestReplyTokens(t *testing.T) {
	m := testkit.Model(1)
	long := data.NewChat("a", strings.Repeat("xz", 100))
	n := len(m.ReplyIDs(long.Messages[1].Content))
	if n <= 128 {
		t.Fatalf("the reply has %d tokens, want more than 128", n)
	}
	for _, c := range []struct {
		examples []data.Example
		want     int
	}{
		{[]data.Example{alarm(), long}, n + n/4},
		{[]data.Example{alarm()}, 128},
		{[]data.Example{{Text: "plain"}}, 128},
	} {
		if got := ReplyTokens(m, c.examples); got != c.want {
			t.Errorf("%d examples: %d tokens, want %d", len(c.examples), got, c.want)
		}
	}
}

func TestExactMatch(t *testing.T) {
	e := data.NewLabeled("win money", "Not Spam")
	for reply, want := range map[string]bool{
		"Not Spam": true, " not  spam\n": true, "not spam.": false, "": false, "not": false, "notspam": false,
	} {
		if s, err := ExactMatch.Score(&e, reply); err != nil || s.Exact != want {
			t.Errorf("%q: got %+v, %v, want %v", reply, s, err, want)
		}
	}
}

func TestChoose(t *testing.T) {
	examples := []data.Example{data.NewLabeled("a", "no"), data.NewLabeled("b", "certainly"), data.NewLabeled("c", "no"), data.NewLabeled("d", "certainly")}
	options := choices(examples)
	if strings.Join(options, " ") != "certainly no" {
		t.Fatalf("options %v", options)
	}
	likelihoods := map[string][]float64{ // of "certainly", nine characters, and "no", two
		"a": {-9, -1}, // no; per character −1, −0.5: no
		"b": {-9, -4}, // no; per character −1, −2: certainly
		"c": {-9, -9}, // equal: the first, certainly; per character −1, −4.5: certainly
		"d": {-1, math.Inf(-1)},
	}
	score := func(_ context.Context, prompt []data.Message, options []string) ([]float64, error) {
		return likelihoods[prompt[0].Content], nil
	}
	r, err := judgeChoices(t.Context(), examples, options, score)
	if err != nil {
		t.Fatal(err)
	}
	if r.Figures[0].Value != 0.5 || r.Figures[1].Value != 0.75 {
		t.Errorf("acc %v, acc_norm %v, want 0.5, 0.75", r.Figures[0].Value, r.Figures[1].Value)
	}
	if r.Items[1].Reply != "no" || r.Items[1].Exact || !r.Items[1].ByLength {
		t.Errorf("second item %+v", r.Items[1])
	}
}

// Spellings that exact_match takes for equal are one option, the most frequent of them,
// and right where it is.
func TestChooseBySpelling(t *testing.T) {
	var examples []data.Example
	for _, label := range []string{"yes", "No", "Yes", " no", "Yes", "maybe"} {
		examples = append(examples, data.NewLabeled("a", label))
	}
	options := choices(examples)
	if want := []string{" no", "Yes", "maybe"}; !slices.Equal(options, want) {
		t.Fatalf("options %q, want %q", options, want)
	}
	score := func(context.Context, []data.Message, []string) ([]float64, error) { return []float64{-2, -1, -3}, nil }
	r, err := judgeChoices(t.Context(), examples, options, score)
	if err != nil || r.Figures[0].Value != 0.5 {
		t.Errorf("acc %v, error %v, want 0.5: three of six are a yes", r.Figures, err)
	}
}

// An option's length is in characters, not bytes: per byte, "нет" would be likelier
// than "no", as −4/6 is more than −2/2.
func TestChooseByCharacters(t *testing.T) {
	score := func(context.Context, []data.Message, []string) ([]float64, error) { return []float64{-2, -4}, nil }
	r, err := judgeChoices(t.Context(), []data.Example{data.NewLabeled("a", "no")}, []string{"no", "нет"}, score)
	if err != nil || !r.Items[0].ByLength {
		t.Errorf("%+v, %v", r.Items, err)
	}
}

func TestChooseErrors(t *testing.T) {
	examples := []data.Example{data.NewLabeled("a", "yes")}
	good := func(context.Context, []data.Message, []string) ([]float64, error) { return []float64{0, 0}, nil }
	for _, c := range []struct {
		options []string
		score   likelihood
		want    string
	}{
		{[]string{"yes"}, good, "1 options, want at least 2"},
		{[]string{"no", "maybe"}, good, `reply "yes" is not among the 2 options`},
		{[]string{"no", "yes", "maybe"}, good, "2 likelihoods, want 3"},
		{[]string{"no", "yes"}, func(context.Context, []data.Message, []string) ([]float64, error) {
			return []float64{0, math.NaN()}, nil
		}, `likelihood of option "yes" is not a number`},
		{[]string{"no", "yes"}, func(context.Context, []data.Message, []string) ([]float64, error) {
			return nil, errors.New("no model")
		}, "no model"},
	} {
		_, err := judgeChoices(t.Context(), examples, c.options, c.score)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

func TestMetricWidths(t *testing.T) {
	metrics := append([]Metric(nil), ChoiceMetrics...)
	for _, task := range Tasks {
		metrics = append(metrics, task.Metrics...)
	}
	for _, m := range metrics {
		if m.Title == "" || m.Doc == "" {
			t.Errorf("%s is not explained", m.Name)
		}
		if got := len(m.Counts(&ItemScore{})); got != m.Statistic.Width {
			t.Errorf("%s: %d numbers an item, want %d", m.Name, got, m.Statistic.Width)
		}
	}
}
