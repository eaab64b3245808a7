package recipe

// Student is the small model's origin and shape. A dimension is a count or a
// share of the teacher's; zero keeps the teacher's.
type Student struct {
	From    Ref   `json:"from" default:"teacher" short:"yes" one:"teacher scratch" doc:"teacher (pruned to the shape below), scratch (random weights), or a model"`
	Layers  Dim   `json:"layers" default:"0" doc:"blocks"`
	Hidden  Dim   `json:"hidden" default:"0" doc:"width of the stream between blocks; a share is rounded to whole blocks of 32"`
	Heads   Dim   `json:"heads" default:"0" doc:"query heads a block"`
	KVHeads Dim   `json:"kv_heads" default:"0" doc:"key and value heads a block; divides heads"`
	FFN     Dim   `json:"ffn" default:"0" doc:"neurons of a block's feed-forward part; a share is rounded to whole blocks of 32"`
	Vocab   Dim   `json:"vocab" default:"0" doc:"tokens kept; every byte that the teacher can spell stays reachable"`
	Params  Count `json:"params" default:"0" doc:"picks a shape of at most this many parameters, mostly within a few percent of them, instead of the keys above; vocab may stand beside it, else the tokens that the data uses stay"`
}

// Origins of a student that are not models.
const (
	FromTeacher = "teacher"
	FromScratch = "scratch"
)

// Reshaped tells whether s asks for another shape than its origin's.
func (s *Student) Reshaped() bool {
	t := *s
	t.From = Ref{}
	return t != Student{}
}

func (s *Student) check(at report) {
	sized := *s
	sized.From, sized.Params, sized.Vocab = Ref{}, 0, Dim{}
	if s.Params > 0 && sized != (Student{}) {
		at("params", "picks layers, hidden, heads, kv_heads and ffn, but some are given", "either params or those keys")
	}
	if h, kv := s.Heads.Count, s.KVHeads.Count; h > 0 && kv > 0 && h%kv != 0 {
		at("kv_heads", "does not divide heads", "a divisor of heads")
	}
	if s.From.Model() && s.Reshaped() {
		at("from", "is a model with a shape of its own", "from: teacher or scratch beside a shape")
	}
	if s.From.remote() {
		at("from", "a remote model cannot be trained", "teacher, scratch, or a model on this machine")
	}
}
