package safetensors

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"

	"limbeck/internal/fields"
)

const (
	llamaClass = "LlamaForCausalLM"
	llamaName  = "llama"
)

var llama = architecture{
	class: llamaClass, modelType: llamaName, name: llamaName,
	keys:   llamaKeys,
	config: llamaConfigOf,
	outer: map[string]string{
		embeddingName:        "model.embed_tokens.weight",
		"output_norm.weight": "model.norm.weight",
		outputName:           "lm_head.weight",
	},
	inner: map[string]string{
		"attn_norm.weight":   "input_layernorm.weight",
		"attn_q.weight":      "self_attn.q_proj.weight",
		"attn_k.weight":      "self_attn.k_proj.weight",
		"attn_v.weight":      "self_attn.v_proj.weight",
		"attn_output.weight": "self_attn.o_proj.weight",
		"ffn_norm.weight":    "post_attention_layernorm.weight",
		"ffn_gate.weight":    "mlp.gate_proj.weight",
		"ffn_up.weight":      "mlp.up_proj.weight",
		"ffn_down.weight":    "mlp.down_proj.weight",
	},
	ropeHeads: map[string][]string{
		"attn_q.weight": {"llama.attention.head_count"},
		"attn_k.weight": {"llama.attention.head_count_kv", "llama.attention.head_count"},
	},
}

// A llamaConfig is config.json of LlamaForCausalLM, as far as it changes what
// is computed. Pointers tell an absent value from 0.
type llamaConfig struct {
	Architectures []string `json:"architectures"`
	ModelType     string   `json:"model_type"`
	Layers        *int64   `json:"num_hidden_layers"`
	Context       *int64   `json:"max_position_embeddings"`
	Hidden        *int64   `json:"hidden_size"`
	FFN           *int64   `json:"intermediate_size"`
	Heads         *int64   `json:"num_attention_heads"`
	HeadsKV       *int64   `json:"num_key_value_heads"`
	HeadDim       *int64   `json:"head_dim"`
	Vocab         *int64   `json:"vocab_size"`
	Epsilon       *float64 `json:"rms_norm_eps"`
	Theta         *float64 `json:"rope_theta"`
	RopeScaling   *rope    `json:"rope_scaling"`
	RopeParams    *rope    `json:"rope_parameters,omitempty"`
	Activation    string   `json:"hidden_act"`
	AttentionBias bool     `json:"attention_bias"`
	MLPBias       bool     `json:"mlp_bias"`
	Causal        *bool    `json:"is_causal,omitempty"`
	Tied          bool     `json:"tie_word_embeddings"`
	BOS           *ids     `json:"bos_token_id,omitempty"`
	EOS           *ids     `json:"eos_token_id,omitempty"`
	Pad           *ids     `json:"pad_token_id,omitempty"`
	DType         string   `json:"torch_dtype,omitempty"`

	Quantization json.RawMessage `json:"quantization_config,omitempty"`
	Partial      *float64        `json:"partial_rotary_factor,omitempty"`
}

// A rope is rope_scaling, or transformers 5's rope_parameters.
type rope struct {
	Type    string   `json:"rope_type"`
	OldType string   `json:"type,omitempty"`
	Theta   *float64 `json:"rope_theta,omitempty"`
	Partial *float64 `json:"partial_rotary_factor,omitempty"`
	Factor  *float64 `json:"factor,omitempty"`
}

// scaling returns the kind of scaling that r asks for, "" for none. Positions scaled
// by 1 stay what they are.
func (r *rope) scaling() string {
	kind := cmp.Or(r.Type, r.OldType, "default")
	scales := r.Factor == nil || *r.Factor != 1
	if kind == "default" || !scales && (kind == "linear" || kind == "dynamic") {
		return ""
	}
	return kind
}

// ids is a token id or a list of them.
type ids []int64

func (v *ids) UnmarshalJSON(b []byte) error {
	var one int64
	if json.Unmarshal(b, &one) == nil {
		*v = ids{one}
	} else if json.Unmarshal(b, (*[]int64)(v)) != nil {
		return errors.New("is neither a token id nor a list of them")
	}
	return nil
}

func (v ids) MarshalJSON() ([]byte, error) {
	if len(v) == 1 {
		return json.Marshal(v[0])
	}
	return json.Marshal([]int64(v))
}

// Defaults of transformers' LlamaConfig for what config.json may leave out.
const (
	defaultEpsilon = 1e-6
	defaultTheta   = 10000
)

func llamaKeys(config []byte) (map[string]any, error) {
	var c llamaConfig
	if err := fields.Read(config, &c); err != nil {
		return nil, err
	}
	if err := c.unsupported(); err != nil {
		return nil, err
	}
	if c.HeadsKV == nil {
		c.HeadsKV = c.Heads
	}
	keys := map[string]any{architectureKey: llamaName}
	for _, f := range c.numbers() {
		switch v := *f.v; {
		case v == nil:
			return nil, fmt.Errorf("%q is missing, want 1 to %d", f.name, math.MaxInt32)
		case *v < 1 || *v > math.MaxInt32:
			return nil, fmt.Errorf("%q is %d, want 1 to %d", f.name, *v, math.MaxInt32)
		default:
			keys["llama."+f.key] = uint32(*v)
		}
	}
	if err := c.headKeys(keys); err != nil {
		return nil, err
	}
	if err := c.floatKeys(keys); err != nil {
		return nil, err
	}
	return keys, c.tokenKeys(keys)
}

// A number is an integer of the shape, by its names in config.json and in GGUF.
type number struct {
	name, key string
	v         **int64
}

func (c *llamaConfig) numbers() []number {
	return []number{
		{"num_hidden_layers", "block_count", &c.Layers},
		{"max_position_embeddings", "context_length", &c.Context},
		{"hidden_size", "embedding_length", &c.Hidden},
		{"intermediate_size", "feed_forward_length", &c.FFN},
		{"num_attention_heads", "attention.head_count", &c.Heads},
		{"num_key_value_heads", "attention.head_count_kv", &c.HeadsKV},
		{"vocab_size", "vocab_size", &c.Vocab},
	}
}

// unsupported names the first setting that changes the computation to one that
// this build does not have.
func (c *llamaConfig) unsupported() error {
	partial := []*float64{c.Partial}
	for _, r := range []*rope{c.RopeScaling, c.RopeParams} {
		if r == nil {
			continue
		}
		if kind := r.scaling(); kind != "" {
			return fmt.Errorf("rope scaling %q is not supported; only none is", kind)
		}
		partial = append(partial, r.Partial)
	}
	for _, x := range partial {
		if x != nil && *x != 1 {
			return fmt.Errorf(`"partial_rotary_factor" %v is not supported; only 1 is`, *x)
		}
	}
	switch {
	case c.Activation != "silu" && c.Activation != "":
		return fmt.Errorf(`"hidden_act" %q is not supported; only "silu" is`, c.Activation)
	case c.AttentionBias:
		return fmt.Errorf(`"attention_bias" is not supported`)
	case c.MLPBias:
		return fmt.Errorf(`"mlp_bias" is not supported`)
	case c.Causal != nil && !*c.Causal:
		return fmt.Errorf(`"is_causal" false is not supported`)
	case len(c.Quantization) > 0 && string(c.Quantization) != "null":
		return fmt.Errorf(`"quantization_config" is not supported; only weights in these formats are: %s`, formatNames())
	}
	return nil
}

func (c *llamaConfig) headKeys(keys map[string]any) error {
	heads, headsKV, width := *c.Heads, *c.HeadsKV, *c.Hidden
	if headsKV > heads || heads%headsKV != 0 {
		return fmt.Errorf(`%d "num_attention_heads" do not share %d "num_key_value_heads"`, heads, headsKV)
	}
	dim := width / heads
	if c.HeadDim != nil {
		dim = *c.HeadDim
	} else if width%heads != 0 {
		return fmt.Errorf(`"hidden_size" %d does not divide into %d heads`, width, heads)
	}
	if dim < 2 || dim%2 != 0 || dim > math.MaxInt32/heads {
		return fmt.Errorf("heads are %d wide, want a positive even number", dim)
	}
	keys["llama.rope.dimension_count"] = uint32(dim)
	if dim*heads != width {
		keys["llama.attention.key_length"] = uint32(dim)
		keys["llama.attention.value_length"] = uint32(dim)
	}
	return nil
}

func (c *llamaConfig) floatKeys(keys map[string]any) error {
	epsilon := defaultEpsilon
	if c.Epsilon != nil {
		epsilon = *c.Epsilon
	}
	if !(epsilon >= 0 && epsilon < 1) {
		return fmt.Errorf(`"rms_norm_eps" is %v, want 0 to 1`, epsilon)
	}
	theta, err := c.theta()
	if err != nil {
		return err
	}
	if !(theta >= 1 && theta <= math.MaxFloat32) {
		return fmt.Errorf(`"rope_theta" is %v, want a number from 1`, theta)
	}
	keys["llama.attention.layer_norm_rms_epsilon"] = float32(epsilon)
	keys["llama.rope.freq_base"] = float32(theta)
	return nil
}

// theta returns the base of the rotary angles. It may be in three places, of which
// transformers 4 prefers the first, and 5 the others.
func (c *llamaConfig) theta() (float64, error) {
	theta, from := float64(defaultTheta), ""
	for _, p := range []struct {
		name string
		v    *float64
	}{
		{"rope_theta", c.Theta},
		{"rope_scaling.rope_theta", cmp.Or(c.RopeScaling, &rope{}).Theta},
		{"rope_parameters.rope_theta", cmp.Or(c.RopeParams, &rope{}).Theta},
	} {
		switch {
		case p.v == nil:
			continue
		case from != "" && *p.v != theta:
			return 0, fmt.Errorf("%q is %v, but %q is %v, want the same", from, theta, p.name, *p.v)
		}
		theta, from = *p.v, p.name
	}
	return theta, nil
}

// A tokenID is a special token that config.json names too. Of a list GGUF
// keeps the first.
type tokenID struct {
	key string
	v   **ids
}

func (c *llamaConfig) tokenIDs() []tokenID {
	return []tokenID{
		{"tokenizer.ggml.bos_token_id", &c.BOS},
		{"tokenizer.ggml.eos_token_id", &c.EOS},
		{"tokenizer.ggml.padding_token_id", &c.Pad},
	}
}

// tokenKeys does not ask whether the vocabulary has an id: where it was cut, config.json
// may name one of before, and the tokenizer's own counts.
func (c *llamaConfig) tokenKeys(keys map[string]any) error {
	for _, t := range c.tokenIDs() {
		if *t.v == nil || len(**t.v) == 0 {
			continue
		}
		id := (**t.v)[0]
		if id == -1 { // how old files say "none"
			continue
		}
		if id < 0 || id > math.MaxInt32 {
			return fmt.Errorf("token id %d (%s), want 0 to %d", id, t.key, math.MaxInt32)
		}
		keys[t.key] = uint32(id)
	}
	return nil
}

func llamaConfigOf(keys map[string]any, tied bool, dtype string) (any, error) {
	c := llamaConfig{Architectures: []string{llamaClass}, ModelType: llamaName,
		Activation: "silu", Tied: tied, DType: dtype}
	keys = maps.Clone(keys)
	fill := func(key, from string) {
		if _, ok := keys["llama."+key]; !ok {
			keys["llama."+key] = keys["llama."+from]
		}
	}
	fill("attention.head_count_kv", "attention.head_count")
	fill("rope.dimension_count", "attention.key_length")
	if h, _ := keyInt(keys, "llama.attention.head_count"); h > 0 && keys["llama.rope.dimension_count"] == nil {
		width, _ := keyInt(keys, "llama.embedding_length")
		keys["llama.rope.dimension_count"] = width / h
	}
	fill("attention.key_length", "rope.dimension_count")
	var width *int64 // of a head; the part that is rotated must be all of it
	for _, f := range append(c.numbers(),
		number{key: "rope.dimension_count", v: &c.HeadDim}, number{key: "attention.key_length", v: &width}) {
		v, err := keyInt(keys, "llama."+f.key)
		if err != nil {
			return nil, err
		}
		n := int64(v)
		*f.v = &n
	}
	if *width != *c.HeadDim {
		return nil, fmt.Errorf("rope rotates %d of a head's %d channels; only all is supported", *c.HeadDim, *width)
	}
	return &c, c.fillRest(keys)
}

// fillRest sets what is not an integer of the shape.
func (c *llamaConfig) fillRest(keys map[string]any) error {
	if s, ok := keys["llama.rope.scaling.type"].(string); ok && s != "none" {
		return fmt.Errorf("rope scaling %q is not supported; only none is", s)
	}
	epsilon, err := keyFloat(keys, "llama.attention.layer_norm_rms_epsilon")
	if err != nil {
		return err
	}
	theta := float64(defaultTheta)
	if _, ok := keys["llama.rope.freq_base"]; ok {
		if theta, err = keyFloat(keys, "llama.rope.freq_base"); err != nil {
			return err
		}
	}
	c.Epsilon, c.Theta = &epsilon, &theta
	for _, t := range c.tokenIDs() {
		if _, ok := keys[t.key]; !ok {
			continue
		}
		id, err := keyInt(keys, t.key)
		if err != nil {
			return err
		}
		*t.v = &ids{int64(id)}
	}
	return nil
}
