package recipe

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A scalar is a value that recipes write as one word in a notation of its own.
// Flags take the same notation: every scalar is a pflag.Value.
type scalar interface {
	Set(text string) error // the error tells what is wrong with text
	String() string        // as Set reads it
	Type() string          // names the value in a flag's help
	allowed() string       // what may stand there
}

// A Count is a number of things: 288, 4k (4,000), 4Ki (4,096), 15M, 1.5G.
type Count int64

// A Size is a number of bytes: 12MB (12,000,000), 12MiB, 512kB, 4096B.
type Size int64

// A Share is a part of a whole, 0 to 1, written in percent: 50%, 2.5%.
type Share float64

// A Dim is a dimension: a count, or a share of the teacher's. The zero value
// is "as the teacher has it".
type Dim struct {
	Count int64
	Share Share
}

// Of returns the dimension, given the teacher's: at least 1 of a share.
func (d Dim) Of(whole int) int {
	switch {
	case d.Share > 0:
		return max(1, int(math.Round(float64(d.Share)*float64(whole))))
	case d.Count > 0:
		return int(d.Count)
	}
	return whole
}

// A File is a path as the recipe writes it; see [Recipe.Find].
type File string

// A Holdout is the validation set: a share of the training file, or a file.
type Holdout struct {
	Share Share
	File  File
}

// Rates are learning rates to be tried.
type Rates []float64

type multiplier struct {
	suffix string
	factor float64
}

// Longer suffixes come before those that they end in.
var (
	countUnits = []multiplier{{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"", 1}}
	sizeUnits  = []multiplier{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}}
)

var (
	errNumber = errors.New("not a number")
	errWhole  = errors.New("not a whole number")
	errRange  = errors.New("too large or negative")
)

// maxCount is the largest number that float64, and so JSON anywhere, holds exactly.
const maxCount = 1 << 53

// parseUnit reads a number with one of the units.
func parseUnit(text string, units []multiplier) (int64, error) {
	for _, u := range units {
		digits, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		v, err := parseNumber(digits)
		if err != nil {
			return 0, err
		}
		v *= u.factor
		if v < 0 || v > maxCount {
			return 0, errRange
		}
		// 2.3k is 2299.9999999999995 before rounding.
		if math.Abs(v-math.Round(v)) > 1e-6 {
			return 0, errWhole
		}
		return int64(math.Round(v)), nil
	}
	return 0, errNumber
}

// parseNumber reads a decimal number; ParseFloat alone would take "0x1p-2",
// "inf" and "1_000" too.
func parseNumber(s string) (float64, error) {
	if s == "" || strings.Trim(s, "0123456789.eE+-") != "" {
		return 0, errNumber
	}
	v, err := strconv.ParseFloat(s, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, errRange
	}
	if err != nil {
		return 0, errNumber
	}
	return v, nil
}

// formatUnit writes n with the decimal unit that keeps it whole, if any.
func formatUnit(n int64, units []multiplier) string {
	best := units[len(units)-1]
	for _, u := range units {
		if f := int64(u.factor); f > int64(best.factor) && n > 0 && n%f == 0 && f%1000 == 0 {
			best = u
		}
	}
	return strconv.FormatInt(n/int64(best.factor), 10) + best.suffix
}

func (c *Count) Set(s string) error {
	n, err := parseUnit(s, countUnits)
	*c = Count(n)
	return err
}
func (c *Count) allowed() string { return "a count, as 288, 4k, 4Ki or 15M" }
func (c Count) String() string   { return formatUnit(int64(c), countUnits) }

func (b *Size) Set(s string) error {
	n, err := parseUnit(s, sizeUnits)
	if s == "0" {
		n, err = 0, nil
	}
	*b = Size(n)
	return err
}
func (b *Size) allowed() string { return "a size, as 12MB, 12MiB or 512kB" }
func (b Size) String() string {
	if b == 0 {
		return "0"
	}
	return formatUnit(int64(b), sizeUnits)
}

func (p *Share) Set(s string) error {
	digits, ok := strings.CutSuffix(s, "%")
	if !ok {
		return errors.New("no percent sign")
	}
	v, err := parseNumber(digits)
	if err == nil && (v < 0 || v > 100) {
		err = errors.New("not between 0% and 100%")
	}
	// Nine decimals are kept, so that String gives back what was read.
	*p = Share(math.Round(v*1e9) / 1e11)
	return err
}
func (p *Share) allowed() string { return "a share from 0% to 100%" }
func (p Share) String() string {
	// Dividing by 100 and multiplying again may miss the number that was read
	// by one unit in the last place; 12 digits hide that.
	return strconv.FormatFloat(float64(p)*100, 'g', 12, 64) + "%"
}

func (d *Dim) Set(s string) error {
	*d = Dim{}
	if strings.HasSuffix(s, "%") {
		return d.Share.Set(s)
	}
	n, err := parseUnit(s, countUnits)
	d.Count = n
	return err
}
func (d *Dim) allowed() string { return "a count, as 288 or 4k, or a share, as 50%" }
func (d Dim) String() string {
	if d.Share > 0 {
		return d.Share.String()
	}
	return Count(d.Count).String()
}

func (f *File) Set(s string) error {
	*f = File(s)
	if strings.ContainsRune(s, 0) {
		return errors.New("a path with a zero byte")
	}
	return nil
}
func (f *File) allowed() string { return "a file" }
func (f File) String() string   { return string(f) }

func (h *Holdout) Set(s string) error {
	*h = Holdout{}
	if s == "" {
		return errors.New("neither a share nor a file")
	}
	if strings.HasSuffix(s, "%") {
		if err := h.Share.Set(s); err != nil {
			return err
		}
		if h.Share > 0.9 {
			return errors.New("leaves too little to learn from")
		}
		return nil
	}
	if _, err := parseNumber(s); err == nil {
		return errors.New("a number without a percent sign")
	}
	return h.File.Set(s)
}
func (h *Holdout) allowed() string { return "a share of at most 90%, or a file" }
func (h Holdout) String() string {
	if h.File != "" {
		return string(h.File)
	}
	return h.Share.String()
}

func (r Rates) String() string {
	parts := make([]string, len(r))
	for i, v := range r {
		parts[i] = formatFloat(v)
	}
	if len(r) == 1 {
		return parts[0]
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// formatFloat writes v as it would be typed.
func formatFloat(v float64) string {
	s := strconv.FormatFloat(v, 'g', -1, 64)
	mantissa, exponent, ok := strings.Cut(s, "e")
	if !ok {
		return s
	}
	n, err := strconv.Atoi(exponent)
	if err != nil {
		panic(fmt.Sprintf("recipe: FormatFloat gave %q", s))
	}
	return mantissa + "e" + strconv.Itoa(n)
}

// Type names the value in a flag's help.
func (c *Count) Type() string { return "count" }

// Type names the value in a flag's help.
func (b *Size) Type() string { return "size" }

// Type names the value in a flag's help.
func (p *Share) Type() string { return "share" }

// Type names the value in a flag's help.
func (d *Dim) Type() string { return "count|share" }

// Type names the value in a flag's help.
func (f *File) Type() string { return "file" }

// Type names the value in a flag's help.
func (h *Holdout) Type() string { return "share|file" }

// Type names the value in a flag's help.
func (r *Ref) Type() string { return "model" }

// The lineage and the steps' keys hold values as a recipe writes them.

func (p Share) MarshalJSON() ([]byte, error)   { return json.Marshal(p.String()) }
func (d Dim) MarshalJSON() ([]byte, error)     { return json.Marshal(d.String()) }
func (h Holdout) MarshalJSON() ([]byte, error) { return json.Marshal(h.String()) }
func (r Ref) MarshalJSON() ([]byte, error)     { return json.Marshal(r.String()) }
