package report

import (
	"encoding/json"
	"slices"
)

// Role says what a model stands for in the comparison.
type Role string

// The roles.
const (
	Teacher  Role = "teacher"
	Student  Role = "student"
	Baseline Role = "baseline"
	Recorded Role = "recorded" // measured on an earlier day, not run now
)

// Classical is the name of the baseline that is no language model: the row of that
// name and of the role [Baseline]. Other baselines are language models.
const Classical = "classical"

// Model is one row of the comparison.
type Model struct {
	Name         string      `json:"name"`
	Role         Role        `json:"role"`
	RecordedOn   string      `json:"recorded_on"` // date, for figures from an earlier day
	Source       string      `json:"source"`      // where those figures come from
	Digest       string      `json:"digest"`
	Bytes        int64       `json:"bytes"`  // of the file; 0 unknown
	Params       int64       `json:"params"` // 0 unknown
	Architecture string      `json:"architecture"`
	Shape        string      `json:"shape"` // for people: 6 layers, 288 wide, 4,096 tokens
	Formats      []string    `json:"formats"`
	Replies      string      `json:"replies,omitempty"` // form it holds replies to; see model.Guide
	Parts        []Part      `json:"bytes_by_part"`
	License      string      `json:"license"`
	Lineage      []Origin    `json:"lineage"` // oldest first
	Quality      []Metric    `json:"quality"`
	Speed        Speed       `json:"speed"`
	Cost         Cost        `json:"cost"`
	Divergence   *Divergence `json:"divergence"` // from the teacher; nil if not measured
}

// floats are the formats that a training leaves.
var floats = []string{"f32", "f16", "bf16"}

// Rounded returns the formats of m that hold numbers in fewer bits than floats do.
func (m *Model) Rounded() []string {
	return slices.DeleteFunc(slices.Clone(m.Formats), func(f string) bool { return slices.Contains(floats, f) })
}

// Part is a share of a model's file, by what it is for: embedding, attention,
// feed-forward, norms, output; "tokenizer, metadata" is the rest.
type Part struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// Origin is one step of what a model was made from: a line of its history.
type Origin struct {
	Step   string `json:"step"`   // its first word: trained, pruned …; drawn, of random weights
	Detail string `json:"detail"` // the rest
}

// UnmarshalJSON passes over keys that an Origin does not have: recorded models have name,
// digest and license here, and [ReadRecorded] refuses unknown keys everywhere else.
func (o *Origin) UnmarshalJSON(b []byte) error {
	type plain Origin
	return json.Unmarshal(b, (*plain)(o))
}

// Metric is a score with its uncertainty. Lo and Hi bound the interval at the
// report's level.
type Metric struct {
	Name  string `json:"name"`
	Value Num    `json:"value"`
	SE    Num    `json:"se"`
	Lo    Num    `json:"lo"`
	Hi    Num    `json:"hi"`
	N     int    `json:"n"`
}

// Speed is what was timed, over alternated rounds. The latency of a prompt that was
// answered several times in one is the mean.
type Speed struct {
	Load       Rate  `json:"load_seconds"` // from the file to a model that is ready
	Prompt     Rate  `json:"prompt_tokens_per_second"`
	Decode     Rate  `json:"decode_tokens_per_second"`
	FirstToken Rate  `json:"time_to_first_token_seconds"`
	Requests   Rate  `json:"requests_per_second"`
	Latencies  []Num `json:"latencies_seconds"` // one per prompt and round, text in to text out
	PeakMemory int64 `json:"peak_memory_bytes"` // 0 unknown
	Rounds     int   `json:"rounds"`
}

// Rate is the median over rounds, with the least and greatest round.
type Rate struct {
	Median Num `json:"median"`
	Min    Num `json:"min"`
	Max    Num `json:"max"`
}

// Cost is the price of 1,000 requests and what it was computed from.
type Cost struct {
	PerThousand Num     `json:"per_1000_requests"`
	Currency    string  `json:"currency"`
	Prices      []Price `json:"prices"`
}

// Price is an input of a Cost that the user may set.
type Price struct {
	Name  string `json:"name"`
	Value Num    `json:"value"`
	Unit  string `json:"unit"`
}

// Divergence compares a model with the teacher on the reply's tokens.
type Divergence struct {
	KL      Num `json:"mean_kl"` // KL(teacher ‖ model), nats a token
	SE      Num `json:"mean_kl_se"`
	SameTop Num `json:"same_top"`     // items' mean share of tokens with the same most likely token
	Dropped Num `json:"dropped_mass"` // teacher's mass on tokens that the model lacks
	N       int `json:"n"`            // items
	Tokens  int `json:"tokens"`
}

// metric finds a score by name.
func (m *Model) metric(name string) (Metric, bool) {
	for _, q := range m.Quality {
		if q.Name == name {
			return q, true
		}
	}
	return Metric{}, false
}

// recorded reports whether the figures come from an earlier day.
func (m *Model) recorded() bool {
	return m.Role == Recorded || m.RecordedOn != ""
}

// classical reports whether it is the baseline that is no language model.
func (m *Model) classical() bool {
	return m.Role == Baseline && m.Name == Classical
}

// sides returns the teacher and the student that the summary is about: the
// first teacher, and the last student, which is the end of the chain. Either
// is nil if missing.
func (r *Report) sides() (teacher, student *Model) {
	for i := range r.Models {
		switch m := &r.Models[i]; m.Role {
		case Teacher:
			if teacher == nil {
				teacher = m
			}
		case Student:
			student = m
		}
	}
	return teacher, student
}
