package report

import (
	"encoding/json"
	"fmt"
	"math"
)

// Num is a number that may be absent. The zero value is absent, JSON's null.
type Num struct {
	v  float64
	ok bool
}

// N makes a Num. What is not finite becomes absent: JSON could not hold it,
// and no figure of a report means it.
func N(v float64) Num {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return Num{}
	}
	return Num{v, true}
}

// Get returns the number and whether it is there.
func (n Num) Get() (v float64, ok bool) { return n.v, n.ok }

// Or returns the number, or other if it is absent.
func (n Num) Or(other float64) float64 {
	if n.ok {
		return n.v
	}
	return other
}

// MarshalJSON writes the shortest decimal that reads back as the same float64,
// or null.
func (n Num) MarshalJSON() ([]byte, error) {
	if !n.ok {
		return []byte("null"), nil
	}
	return json.Marshal(n.v)
}

// UnmarshalJSON reads a number or null.
func (n *Num) UnmarshalJSON(b []byte) error {
	*n = Num{}
	if string(b) == "null" {
		return nil
	}
	var v float64
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("report: number: %w", err)
	}
	*n = N(v)
	return nil
}

// present returns the numbers that are there.
func present(nums []Num) []float64 {
	var out []float64
	for _, n := range nums {
		if v, ok := n.Get(); ok {
			out = append(out, v)
		}
	}
	return out
}
