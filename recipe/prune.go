package recipe

// Prune says how what the student does not need is found. It matters when the
// student comes from the teacher and has another shape: layers go by block
// influence, neurons, heads and channels by activation, tokens by how often the
// data uses them.
type Prune struct {
	Calibration Count `json:"calibration" default:"512" min:"1" doc:"training examples run through the teacher to measure activations"`
	KeepTokens  File  `json:"keep_tokens" default:"" doc:"a text whose tokens stay too, beside those of the data"`
}
