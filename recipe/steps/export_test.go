package steps

import "time"

// SetCheckpointEvery makes trainings save what they have so often.
func SetCheckpointEvery(d time.Duration) { checkpointEvery = d }

// SetParts makes so many prompts, or answers, between two checkpoints, and reads
// so many tokens for the cache.
func SetParts(synthesis, cache int) { synthesisPart, cachePart = synthesis, cache }
