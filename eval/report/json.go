package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// maxJSON bounds what ReadJSON takes in: a report of a few megabytes is usual.
const maxJSON = 256 << 20

// WriteJSON writes the report as indented JSON: fields in the order of the
// structs, numbers at full precision, what is absent as null.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r.versioned()); err != nil {
		return fmt.Errorf("report: write JSON: %w", err)
	}
	return nil
}

// BeginsJSON tells whether a file with these first bytes is what WriteJSON writes.
func BeginsJSON(head []byte) bool { return bytes.HasPrefix(head, []byte("{\n \"schema_version\": ")) }

// ReadJSON reads what WriteJSON wrote. A report of another schema is an error.
func ReadJSON(src io.Reader) (*Report, error) {
	lim := &io.LimitedReader{R: src, N: maxJSON + 1}
	b, err := io.ReadAll(lim)
	if err != nil {
		return nil, fmt.Errorf("report: read JSON: %w", err)
	}
	if len(b) > maxJSON {
		return nil, fmt.Errorf("report: JSON of more than %d bytes", maxJSON)
	}
	r := new(Report)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("report: read JSON: %w", err)
	}
	if r.Version != Version {
		return nil, fmt.Errorf("report: schema_version %d, want %d", r.Version, Version)
	}
	return r, nil
}

// versioned is a shallow copy that carries the schema's version.
func (r *Report) versioned() *Report {
	c := *r
	c.Version = Version
	return &c
}

// Untimed returns a copy without what differs from run to run on the same
// inputs: the date, measured times, memory, the threads, and the costs made from
// them. Two runs of one recipe agree on the rest, byte for byte.
func (r *Report) Untimed() *Report {
	c := *r
	c.Created, c.Machine.Threads = "", 0
	c.Models = slices.Clone(r.Models)
	for i := range c.Models {
		c.Models[i].Speed = Speed{}
		c.Models[i].Cost.PerThousand = Num{}
	}
	return &c
}
