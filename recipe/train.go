package recipe

// Train is one training: of the teacher, of the student, or (inside Distill)
// of the student by the teacher.
type Train struct {
	Epochs      float64 `json:"epochs" default:"3" over:"0" max:"10000" doc:"passes over the training examples"`
	Steps       Count   `json:"steps" default:"0" doc:"optimizer steps, instead of epochs; 0: by epochs"`
	BatchTokens Count   `json:"batch_tokens" default:"1k" min:"2" doc:"tokens a step, over all its examples"`
	MaxTokens   Count   `json:"max_tokens" default:"512" min:"2" doc:"longer examples are left out, and counted; at most batch_tokens"`
	LossOn      string  `json:"loss_on" default:"reply" one:"reply all" doc:"the tokens that are learned; in synthesize all of a prompt"`
	LR          Rates   `json:"lr" default:"2e-4" over:"0" max:"1" doc:"learning rate; a list: each is tried, the best on validation stays"`
	Schedule    string  `json:"schedule" default:"cosine" one:"cosine linear constant" doc:"how the learning rate falls"`
	Warmup      Dim     `json:"warmup" default:"3%" doc:"steps (or a share of them) in which the learning rate rises"`
	FinalLR     Share   `json:"final_lr" default:"10%" doc:"where the schedule ends, as a share of lr"`
	WeightDecay float64 `json:"weight_decay" default:"0.01" min:"0" max:"1" doc:"decoupled (AdamW); none on norms and biases"`
	Beta1       float64 `json:"beta1" default:"0.9" min:"0" max:"0.9999999" doc:"AdamW: memory of the mean"`
	Beta2       float64 `json:"beta2" default:"0.999" min:"0" max:"0.9999999" doc:"AdamW: memory of the variance"`
	Epsilon     float64 `json:"epsilon" default:"1e-8" over:"0" max:"1" doc:"AdamW: added to the root of the variance"`
	Clip        float64 `json:"clip" default:"1" min:"0" doc:"the gradient's norm is at most this; 0: no limit"`
	EvalEvery   Dim     `json:"eval_every" default:"0" doc:"steps (or a share of them) between validations; 0: once an epoch"`
	EvalLimit   Count   `json:"eval_limit" default:"0" doc:"validates on this many examples; 0: all"`
	Keep        string  `json:"keep" default:"best" one:"best last" doc:"the checkpoint that stays"`
	Compute     string  `json:"compute" default:"f32" one:"f32 bf16" doc:"bf16: numbers are rounded to 16 bits before they are multiplied, up to twice as fast, where the processor has such products; elsewhere f32"`
	Memory      Size    `json:"memory,omitempty" default:"0" doc:"what the step is planned to take at most, as 3GB: to stay below it, blocks are computed twice, which takes longer and changes no weight; 0: what is available"`
	Patience    int     `json:"patience" default:"0" min:"0" max:"1000" doc:"stops after this many validations without a gain; 0: never"`
	ReplyTokens Count   `json:"reply_tokens" default:"0" max:"10000" doc:"gives the model new tokens, at most this many, for what replies repeat: they take fewer steps; not in synthesize and distill"`
	LoRA        *LoRA   `json:"lora,omitempty" doc:"trains low-rank adapters and merges them, instead of all weights"`
	Seed        int64   `json:"seed" default:"0" min:"0" doc:"of the order of examples and of new weights; 0: the recipe's"`
}

// The tokens that carry loss.
const (
	LossOnReply = "reply"
	LossOnAll   = "all"
)

// BF16 is the Compute of mixed precision.
const BF16 = "bf16"

// LoRA are low-rank adapters: W + (Alpha/Rank)·B·A, arXiv:2106.09685.
type LoRA struct {
	Rank  int     `json:"rank" default:"16" min:"1" max:"4096" doc:"rows of A and columns of B"`
	Alpha float64 `json:"alpha" default:"32" over:"0" doc:"the adapter's weight is alpha/rank"`
}

// fill lowers the default of max_tokens to small batches.
func (t *Train) fill(given func(key string) bool) {
	if !given("max_tokens") {
		t.MaxTokens = min(t.MaxTokens, t.BatchTokens)
	}
}

func (t *Train) check(at report) {
	if len(t.LR) == 0 || len(t.LR) > 16 {
		at("lr", "an empty or a very long list", "1 to 16 numbers")
	}
	if len(t.LR) > 1 && t.Keep == "last" {
		at("lr", "lists rates of which validation chooses, but keep: last does without", "one rate, or keep: best")
	}
	if t.Patience > 0 && t.Keep == "last" {
		at("patience", "counts validations, but keep: last does without", "0, or keep: best")
	}
	if t.Steps > 0 && t.Warmup.Count > int64(t.Steps) {
		at("warmup", "is longer than the training", "at most steps")
	}
	if t.ReplyTokens > 0 && t.LoRA != nil {
		at("reply_tokens", "new tokens have to be trained, and adapters leave them out", "0, or no lora")
	}
	if t.MaxTokens > t.BatchTokens && t.BatchTokens > 0 {
		at("max_tokens", "is more than batch_tokens: such an example fits no batch", "at most batch_tokens")
	}
}

func (t *Train) idle(at report) {
	if t.Schedule == "constant" && t.FinalLR != Default[Train]().FinalLR {
		at("final_lr", "changes nothing: a constant schedule ends where it begins", "schedule: cosine or linear, or no final_lr")
	}
	if t.Keep == "last" && t.EvalLimit > 0 {
		at("eval_limit", "changes nothing: keep: last does without validations", "keep: best, or no eval_limit")
	}
}
