package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"limbeck/internal/typeset"
	"limbeck/model"
	"limbeck/model/chat"
	"limbeck/model/generate"
	"limbeck/recipe/steps"
)

func init() { register(showCommand) }

func showCommand(a *app) *cobra.Command {
	var tensors bool
	cmd := &cobra.Command{
		Use: "show MODEL", GroupID: groupUse, Args: exactly("MODEL"),
		Short: "Say what a model is: shape, formats, sizes, tokenizer, origin",
		Long: "Says what a model is and, if its file tells, what it was made from. Also reports\n" +
			"weights that are NaN or infinite; other commands refuse such a model.",
		Example: "  limbeck show model.gguf --tensors\n  limbeck show model.gguf --json",
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := steps.Open(args[0])
			problem := ""
			if errors.Is(err, model.ErrNotFinite) {
				problem = err.Error()
				m, err = model.OpenUnchecked(args[0])
			}
			if err != nil {
				return err
			}
			defer m.Close()
			s := describe(m, args[0])
			s.NotFinite = problem
			if tensors {
				s.Tensors = describeTensors(m)
			}
			return a.print(s, func(w io.Writer) { s.write(w) })
		},
	}
	cmd.Flags().BoolVar(&tensors, "tensors", false, "list the tensors")
	return cmd
}

// A shown model is what --json prints of it.
type shownModel struct {
	Path         string         `json:"path"`  // as it was given
	Bytes        int64          `json:"bytes"` // of the file, or of a folder's that are the model
	Architecture string         `json:"architecture"`
	Parameters   int            `json:"parameters"`
	Shape        shownShape     `json:"shape"`
	Parts        []model.Part   `json:"parts"`
	Tokenizer    shownTokenizer `json:"tokenizer"`
	Template     string         `json:"chat_template,omitempty"`
	Rendered     string         `json:"prompt_example,omitempty"`        // one message, rendered
	Problem      string         `json:"chat_template_problem,omitempty"` // why there is none
	Held         string         `json:"replies,omitempty"`               // form they are held to
	License      string         `json:"license,omitempty"`
	Metadata     []shownKey     `json:"metadata"` // in the order of the file
	Tensors      []shownTensor  `json:"tensors,omitempty"`
	NotFinite    string         `json:"not_finite,omitempty"` // first weights that are no numbers
}

type shownShape struct {
	Layers   int     `json:"layers"`
	Width    int     `json:"width"`
	Heads    int     `json:"heads"`
	KVHeads  int     `json:"kv_heads"`
	HeadDim  int     `json:"head_dim"`
	FFN      int     `json:"ffn"`
	Vocab    int     `json:"vocab"`
	Context  int     `json:"context"`
	NormEps  float32 `json:"norm_eps"` // as files store it, and JSON writes it shortest
	RopeBase float32 `json:"rope_base"`
	Tied     bool    `json:"tied_embeddings"`
	KVToken  int     `json:"kv_cache_bytes_per_token"`

	words string // as [arch.Config.Shape] has it
}

type shownTokenizer struct {
	Model   string   `json:"model"`
	Pre     string   `json:"pre_tokenizer"`
	Tokens  int      `json:"tokens"`
	Merges  int      `json:"merges"`
	BOS     string   `json:"bos,omitempty"`
	EOS     string   `json:"eos,omitempty"`
	AddBOS  bool     `json:"add_bos"`
	Stops   []string `json:"stops"`
	Missing int      `json:"missing_bytes"` // single bytes that no token spells
}

type shownKey struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

type shownTensor struct {
	Name   string `json:"name"`
	Shape  []int  `json:"shape"` // rows first
	Format string `json:"format"`
	Bytes  int    `json:"bytes"`
}

// describe tells of the model that ref names.
func describe(m *model.Model, ref string) *shownModel {
	c := m.Config()
	s := &shownModel{
		Path: ref, Bytes: m.Bytes(), Architecture: c.Arch, Parameters: c.Params(),
		Shape: shownShape{c.Layers, c.Width, c.Heads, c.KVHeads, c.HeadDim, c.FFN, c.Vocab, c.Context,
			float32(c.NormEps), float32(c.RopeBase), c.Tied, c.KVBytes(generate.Precision{}.Cache(), 1), c.Shape()},
		Parts: m.Parts(), Tokenizer: describeTokenizer(m), Template: m.TemplateSource(),
		Held: m.Replies(), License: m.Meta.String(model.LicenseKey, ""), Metadata: []shownKey{},
	}
	for _, k := range m.Meta.Keys() {
		v, _ := m.Meta.Get(k)
		if _, err := json.Marshal(v); err != nil { // NaN, or infinite
			v = fmt.Sprint(v)
		}
		s.Metadata = append(s.Metadata, shownKey{k, v})
	}
	if s.Template != "" {
		s.Rendered, s.Problem = render(m)
	}
	return s
}

// render returns what the model's template makes of a message.
func render(m *model.Model) (text, problem string) {
	text, err := m.Prompt([]chat.Message{{Role: "user", Content: "PROMPT"}})
	if err != nil {
		return "", err.Error()
	}
	return text, ""
}

func describeTokenizer(m *model.Model) shownTokenizer {
	tk := m.Tokenizer
	spec := tk.Spec()
	t := shownTokenizer{Model: spec.Model, Pre: spec.Pre, Tokens: tk.Vocab(), Merges: len(spec.Merges),
		BOS: string(tk.Piece(tk.BOS())), EOS: string(tk.Piece(tk.EOS())), AddBOS: tk.AddBOS(),
		Stops: []string{}, Missing: len(tk.MissingBytes())}
	for _, id := range tk.Stops() {
		t.Stops = append(t.Stops, string(tk.Piece(id)))
	}
	return t
}

func describeTensors(m *model.Model) []shownTensor {
	var out []shownTensor
	for _, w := range m.Weights() {
		t := w.Tensor()
		out = append(out, shownTensor{w.Name, t.Shape, t.Type.Name, len(t.Data)})
	}
	return out
}

func (s *shownModel) write(w io.Writer) {
	rows := [][2]string{
		{"model", s.Path},
		{"size", fmt.Sprintf("%s, %s parameters", typeset.Bytes(s.Bytes), count(int64(s.Parameters)))},
		{"architecture", s.Architecture},
		{"license", orNone(s.License)},
		{"shape", s.Shape.String()},
		{"context", fmt.Sprintf("%s tokens; a token's KV cache takes %s", count(int64(s.Shape.Context)), typeset.Bytes(int64(s.Shape.KVToken)))},
		{"tokenizer", s.Tokenizer.String()},
		{"chat template", s.template()},
	}
	if s.Held != "" {
		last := len(rows) - 1 // what the template makes of a message follows it
		rows = slices.Insert(rows, last, [2]string{"replies", "held to " + model.ExtractiveReplies})
	}
	if s.NotFinite != "" {
		rows = slices.Insert(rows, 1, [2]string{"damaged", s.NotFinite})
	}
	pairs(w, rows)
	for line := range strings.Lines(s.Rendered) {
		fmt.Fprintf(w, "  %s\n", typeset.Cut(typeset.Plain(strings.TrimSuffix(line, "\n")), tableWidth-2, "…"))
	}
	fmt.Fprintln(w)
	t := table{head: []string{"part", "parameters", "bytes", "share", "formats"}}
	total := 0
	for _, p := range s.Parts {
		total += p.Bytes
	}
	for _, p := range s.Parts {
		t.add(p.Name, count(int64(p.Params)), typeset.Bytes(int64(p.Bytes)), fmt.Sprintf("%.1f%%", 100*float64(p.Bytes)/float64(max(1, total))),
			strings.Join(p.Formats, ", "))
	}
	t.write(w)
	if s.Shape.Tied {
		fmt.Fprintln(w, "The output shares the embeddings' weights.")
	}
	s.writeMetadata(w)
	s.writeTensors(w)
}

func (s shownShape) String() string {
	return fmt.Sprintf("%s; heads of %d, %d for keys and values", s.words, s.HeadDim, s.KVHeads)
}

func (t shownTokenizer) String() string {
	text := fmt.Sprintf("%s, pre-tokenizer %s, %s tokens, %s merges", t.Model, t.Pre, count(int64(t.Tokens)), count(int64(t.Merges)))
	if t.AddBOS {
		text += ", begins with " + t.BOS
	}
	text += ", ends with " + strings.Join(t.Stops, " ")
	if t.Missing > 0 {
		text += fmt.Sprintf("; %d single bytes have no token", t.Missing)
	}
	return text
}

func (s *shownModel) template() string {
	switch {
	case s.Template == "":
		return "none: prompts are plain text"
	case s.Problem != "":
		return s.Problem
	}
	return "makes of the message PROMPT:"
}

// writeMetadata writes what the file says about its origin, and how much else
// it says.
func (s *shownModel) writeMetadata(w io.Writer) {
	var rows [][2]string
	more := 0
	for _, k := range s.Metadata {
		if !strings.HasPrefix(k.Key, "general.") && !strings.HasPrefix(k.Key, "limbeck.") {
			more++
			continue
		}
		entries, ok := k.Value.([]string)
		if !ok || len(entries) == 0 {
			entries = []string{shownValue(k.Value)}
		}
		for i, e := range entries { // a line each: they are sentences, as in limbeck.history
			name := k.Key
			if i > 0 {
				name = ""
			}
			rows = append(rows, [2]string{name, shownValue(e)})
		}
	}
	if len(rows) > 0 {
		fmt.Fprintln(w)
		pairs(w, rows)
	}
	if more > 0 {
		fmt.Fprintf(w, "\nand %d more keys (--json shows them)\n", more)
	}
}

func (s *shownModel) writeTensors(w io.Writer) {
	if len(s.Tensors) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := table{head: []string{"tensor", "shape", "format", "bytes"}}
	for _, x := range s.Tensors {
		shape := strings.ReplaceAll(strings.Trim(fmt.Sprint(x.Shape), "[]"), " ", " × ")
		t.add(x.Name, shape, x.Format, typeset.Bytes(int64(x.Bytes)))
	}
	t.write(w)
}

// shownValue writes a metadata value for people: a list without its brackets, and what is
// long cut.
func shownValue(v any) string {
	const most = 2000
	text := fmt.Sprint(v)
	if _, ok := v.(string); !ok {
		text = strings.Trim(text, "[]")
	}
	return typeset.Cut(text, most, "…")
}

func orNone(s string) string {
	if s == "" {
		return "not said"
	}
	return s
}
