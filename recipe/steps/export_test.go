package steps

import (
	"bytes"
	"io"

	"limbeck/compress/distill"
	"limbeck/train"
)

// CheckpointAlways makes trainings save what they have after every step.
func CheckpointAlways() {
	checkpoints = func(o *train.Options) { o.CheckpointEvery, o.CheckpointShare = 0, 0 }
}

// SetRates has predictions take so many operations a second for what the machine
// does, which they do not measure then.
func SetRates(rate float64) {
	machineRates = func() rates { return rates{rate, rate, rate, drawTime} }
}

// SetParts makes so many prompts, or answers, between two checkpoints, and reads
// so many tokens for the cache.
func SetParts(synthesis, cache int) { synthesisPart, cachePart = synthesis, cache }

// ParseTraining reads a training.json.
func ParseTraining(text []byte) (*Training, error) { return parseTraining(text) }

// DecodeCache reads a teacher's cache.
func DecodeCache(text []byte, vocab int) (*distill.Cache, error) {
	return decodeCache(bytes.NewReader(text), int64(len(text)), vocab)
}

// EncodeCache writes a teacher's cache in parts.
func EncodeCache(out io.Writer, rows int, parts ...*distill.Cache) error {
	return encodeCache(out, rows, func(yield func(*distill.Cache) error) error {
		for _, c := range parts {
			if err := yield(c); err != nil {
				return err
			}
		}
		return nil
	})
}
