package steps

import "time"

// SetCheckpointEvery makes trainings save what they have so often.
func SetCheckpointEvery(d time.Duration) { checkpointEvery = d }
