package steps

import "time"

// SetCheckpointEvery makes trainings save what they have so often.
func SetCheckpointEvery(d time.Duration) { checkpointEvery = d }

// SetSynthesisPart makes so many prompts, or answers, between two checkpoints.
func SetSynthesisPart(n int) { synthesisPart = n }
