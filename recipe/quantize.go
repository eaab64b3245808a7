package recipe

// Quantize says how the student's weights are stored.
type Quantize struct {
	Format      string `json:"format" default:"" short:"yes" one:"f32 f16 bf16 q8_0 q4_0 q4_1 q5_0 q5_1" doc:"one format for all weights; q8_0 if there is no size"`
	Embedding   string `json:"embedding" default:"" one:"f32 f16 bf16 q8_0 q4_0 q4_1 q5_0 q5_1" doc:"of the embedding table and the output projection; q8_0 if format is smaller"`
	Size        Size   `json:"size" default:"0" doc:"the best mix of formats whose file fits, instead of format"`
	Imatrix     bool   `json:"imatrix" default:"true" doc:"weighs rounding errors by the activations that meet them"`
	Calibration Count  `json:"calibration" default:"512" min:"1" doc:"training examples run through the student to measure activations"`
}

// DefaultFormat is that of a recipe that names neither format nor size.
const DefaultFormat = "q8_0"

func (q *Quantize) check(at report) {
	if q.Format != "" && q.Size > 0 {
		at("size", "picks the formats, but format is given", "either format or size")
	}
	if q.Format == "" && q.Size == 0 {
		q.Format = DefaultFormat
	}
}
