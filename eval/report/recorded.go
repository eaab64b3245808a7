package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// What a file of recorded models may hold at most.
const (
	maxRecorded       = 4 << 20 // bytes
	maxRecordedModels = 100
)

// ReadRecorded reads models that were measured on an earlier day: one model, or a
// list of models, as they stand in report.json under "models". Only the name must
// be there. A key that no model has is an error, so that no figure is lost by a
// misspelling.
func ReadRecorded(src io.Reader) ([]Model, error) {
	b, err := io.ReadAll(io.LimitReader(src, maxRecorded+1))
	if err != nil {
		return nil, fmt.Errorf("report: recorded models: %w", err)
	}
	if len(b) > maxRecorded {
		return nil, fmt.Errorf("report: recorded models: more than %d bytes", maxRecorded)
	}
	var models []Model
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '{' {
		models = make([]Model, 1)
		err = strict(b, &models[0])
	} else {
		err = strict(b, &models)
	}
	if err != nil {
		return nil, fmt.Errorf("report: recorded models: %w", err)
	}
	if len(models) == 0 || len(models) > maxRecordedModels {
		return nil, fmt.Errorf("report: recorded models: %d, want 1 to %d", len(models), maxRecordedModels)
	}
	for i := range models {
		if models[i].Name == "" {
			return nil, fmt.Errorf("report: recorded models: number %d has no name", i+1)
		}
		models[i].Role = Recorded
	}
	return models, nil
}

// strict decodes one JSON value that has no unknown keys.
func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows after the JSON")
	}
	return nil
}
