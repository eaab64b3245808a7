package report

import (
	"math"
	"slices"
	"strings"

	"limbeck/internal/typeset"
)

// absent stands where a number is not known.
const absent = "–"

// signed is [typeset.Fixed] with a plus sign before what is above zero.
func signed(v float64, decimals int) string {
	s := typeset.Fixed(v, decimals)
	if v > 0 && strings.Trim(s, "0.") != "" {
		return "+" + s
	}
	return s
}

// count writes a whole number; unknown is 0.
func count(n int64) string {
	if n == 0 {
		return absent
	}
	return typeset.Fixed(float64(n), 0)
}

// decimals is how many digits after the point show about three that count.
func decimals(v float64) int {
	switch v = math.Abs(v); {
	case v >= 100 || v == 0:
		return 0
	case v >= 10:
		return 1
	case v >= 1:
		return 2
	}
	const most = 9 // below that, nothing is worth its room
	return min(2+int(math.Ceil(-math.Log10(v))), most)
}

// trimZeros drops zeros after the decimal point.
func trimZeros(s string) string {
	if !strings.Contains(s, ".") {
		return s
	}
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

// number writes a number with about three digits that count.
func number(n Num) string {
	v, ok := n.Get()
	if !ok {
		return absent
	}
	return typeset.Fixed(v, decimals(v))
}

// percent writes a share as percent, without the sign.
func percent(n Num) string {
	v, ok := n.Get()
	if !ok {
		return absent
	}
	return typeset.Fixed(v*100, 1)
}

// leastShare is the smallest share whose digits are of use; [tiny] tells of one below.
const leastShare = 1e-4

// tiny writes a share that is 0, or too small for its digits to be of use, as percent.
func tiny(n Num) (s string, ok bool) {
	v, ok := n.Get()
	switch {
	case !ok || v < 0 || v >= leastShare:
		return "", false
	case v == 0:
		return "0", true
	}
	return "<0.01", true
}

// percentFine writes a small share as percent with the digits that count.
func percentFine(n Num) string {
	v, ok := n.Get()
	if !ok {
		return absent
	}
	if s, ok := tiny(n); ok {
		return s
	}
	return trimZeros(typeset.Fixed(v*100, decimals(v*100)))
}

// size writes bytes with a unit; unknown is 0.
func size(n int64) string {
	if n == 0 {
		return absent
	}
	return typeset.Size(n)
}

// params writes a number of parameters; unknown is 0.
func params(n int64) string {
	v := float64(n)
	switch {
	case n == 0:
		return absent
	case v >= 1e9:
		return typeset.Fixed(v/1e9, 2) + " B"
	case v >= 1e5:
		return typeset.Fixed(v/1e6, 1) + " M"
	}
	return typeset.Fixed(v, 0)
}

// seconds writes a duration with a unit.
func seconds(n Num) string {
	v, ok := n.Get()
	switch {
	case !ok:
		return absent
	case math.Abs(v) >= 1:
		return typeset.Fixed(v, 2) + " s"
	case math.Abs(v) >= 0.1:
		return typeset.Fixed(v*1e3, 0) + " ms"
	case math.Abs(v) >= 1e-3:
		return typeset.Fixed(v*1e3, 1) + " ms"
	}
	return typeset.Fixed(v*1e6, 0) + " µs"
}

// value writes a number in a unit.
func (u Unit) value(n Num) string {
	v, ok := n.Get()
	if !ok {
		return absent
	}
	switch u {
	case Percent:
		return percent(n)
	case Bytes:
		return size(int64(min(max(v, 0), math.MaxInt64/2)))
	case Seconds:
		return seconds(n)
	}
	return number(n)
}

// delta writes a difference in a unit, with its sign; percent becomes points.
func (u Unit) delta(n Num) string {
	v, ok := n.Get()
	if !ok {
		return absent
	}
	if u == Percent {
		return signed(v*100, 1)
	}
	return signed(v, decimals(v))
}

// pvalue writes a probability value.
func pvalue(n Num) string {
	v, ok := n.Get()
	switch {
	case !ok:
		return absent
	case v < 0.001:
		return "< 0.001"
	}
	return typeset.Fixed(v, 3)
}

// times writes a factor: 4.1 ×.
func times(v float64) string { return typeset.Fixed(v, max(1, decimals(v)-1)) + " ×" }

// quantile is the value below which the share q of the sorted values lies, by
// nearest rank.
func quantile(sorted []float64, q float64) Num {
	if len(sorted) == 0 {
		return Num{}
	}
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return N(sorted[min(max(i, 0), len(sorted)-1)])
}

// sortedLatencies returns the reply times that are there, ascending.
func (m *Model) sortedLatencies() []float64 {
	all := present(m.Speed.Latencies)
	slices.Sort(all)
	return all
}
