package steps

import (
	"io"
	"time"

	"limbeck/compress/distill"
)

// SetCheckpointEvery makes trainings save what they have so often.
func SetCheckpointEvery(d time.Duration) { checkpointEvery = d }

// SetParts makes so many prompts, or answers, between two checkpoints, and reads
// so many tokens for the cache.
func SetParts(synthesis, cache int) { synthesisPart, cachePart = synthesis, cache }

// ParseTraining reads a training.json.
func ParseTraining(text []byte) (*Training, error) { return parseTraining(text) }

// DecodeCache reads a teacher's cache.
func DecodeCache(r io.Reader, vocab int) (*distill.Cache, error) { return decodeCache(r, vocab) }
