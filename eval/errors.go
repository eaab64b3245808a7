package eval

import (
	"fmt"

	"limbeck/data"
)

// of says which example an error is about.
func of(e *data.Example, err error) error {
	if e.Line == 0 { // it stands in no file
		return fmt.Errorf("example %s: %w", e.ID, err)
	}
	return fmt.Errorf("example %s (line %d): %w", e.ID, e.Line, err)
}
