package recipe

import (
	"cmp"

	"limbeck/tensor/dtype"
)

// Quantize says how the student's weights are stored.
type Quantize struct {
	Format      string `json:"format" default:"" short:"yes" format:"yes" doc:"one format for all weights; q8_0 if there is no size"`
	Embedding   string `json:"embedding" default:"" format:"yes" doc:"of the embedding table and the output projection; q8_0 if format is smaller"`
	Size        Size   `json:"size" default:"0" doc:"the mix of formats whose file is the largest that fits, instead of format"`
	Imatrix     bool   `json:"imatrix" default:"true" doc:"weighs rounding errors by the activations that meet them; false unless a format has a use for it: q4_0, q4_1, q5_0, q5_1"`
	Aware       bool   `json:"aware" default:"false" doc:"the student is trained as it will be stored, its weights rounded to the format at every step: nothing is left for imatrix to weigh"`
	Calibration Count  `json:"calibration" default:"512" min:"1" doc:"training examples run through the student to measure activations"`
}

// DefaultFormat is that of a recipe that names neither format nor size.
const DefaultFormat = "q8_0"

// fill asks for no weighing where it changes nothing, and none of a student that learns to
// be rounded.
func (q *Quantize) fill(given func(key string) bool) {
	if (q.Aware || !q.searched()) && !given("imatrix") {
		q.Imatrix = false
	}
}

// searched reports whether a format is asked for that is rounded by a search for scales,
// which an importance matrix directs; others round each weight to the nearest.
func (q *Quantize) searched() bool {
	return q.Size > 0 || dtype.ByName(cmp.Or(q.Format, DefaultFormat)).Weighs() || dtype.ByName(q.Embedding).Weighs()
}

// Weighed reports whether errors are weighed by an importance matrix.
func (q *Quantize) Weighed() bool { return q.Imatrix && q.searched() }

func (q *Quantize) check(at report) {
	if q.Aware && q.Size > 0 {
		at("aware", "the formats must be known before the training, but size picks them after it", "false, or format instead of size")
	}
	if q.Aware && q.Imatrix {
		at("imatrix", "weighs the errors of rounding, which a training that is aware of it leaves none of", "false, or aware: false")
	}
	if q.Format != "" && q.Size > 0 {
		at("size", "picks the formats, but format is given", "either format or size")
	}
	if q.Format == "" && q.Size == 0 {
		q.Format = DefaultFormat
	}
}

func (q *Quantize) idle(at report) {
	if q.Size > 0 && q.Embedding != "" {
		at("embedding", "changes nothing: size picks all formats", "format instead of size, or no embedding")
	}
	if q.Imatrix && !q.searched() {
		at("imatrix", "changes nothing: "+cmp.Or(q.Format, DefaultFormat)+" is rounded to the nearest, whatever the weights meet", "false, or q4_0, q4_1, q5_0 or q5_1")
	}
	if !q.Imatrix && q.Calibration != Default[Quantize]().Calibration {
		at("calibration", "changes nothing: it is for imatrix, which is not asked for", "imatrix, or no calibration")
	}
}
