package report

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// absent stands where a number is not known.
const absent = "–"

// fixed writes a number with so many decimals, thousands grouped by commas,
// the minus sign as U+2212. Zero has no sign.
func fixed(v float64, decimals int) string {
	s := strconv.FormatFloat(math.Abs(v), 'f', decimals, 64)
	if strings.Trim(s, "0.") == "" {
		v = 0
	}
	whole, frac, _ := strings.Cut(s, ".")
	var b strings.Builder
	if v < 0 {
		b.WriteString("−")
	}
	for i, d := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	if frac != "" {
		b.WriteString("." + frac)
	}
	return b.String()
}

// signed is fixed with a plus sign before what is above zero.
func signed(v float64, decimals int) string {
	s := fixed(v, decimals)
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
	return fixed(float64(n), 0)
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
	return fixed(v, decimals(v))
}

// percent writes a share as percent, without the sign.
func percent(n Num) string {
	v, ok := n.Get()
	if !ok {
		return absent
	}
	return fixed(v*100, 1)
}

// percentFine writes a small share as percent with the digits that count.
func percentFine(n Num) string {
	v, ok := n.Get()
	if !ok {
		return absent
	}
	return trimZeros(fixed(v*100, decimals(v*100)))
}

// Sizes are decimal, as disks and downloads are sold.
const (
	kB = 1e3
	mB = 1e6
	gB = 1e9
)

// Size writes bytes with a unit; unknown is 0.
func Size(n int64) string {
	v := float64(n)
	switch {
	case n == 0:
		return absent
	case v >= gB:
		return fixed(v/gB, 2) + " GB"
	case v >= 100*mB:
		return fixed(v/mB, 0) + " MB"
	case v >= mB/10:
		return fixed(v/mB, 1) + " MB"
	case v >= kB:
		return fixed(v/kB, 1) + " kB"
	}
	return fixed(v, 0) + " B"
}

// params writes a number of parameters; unknown is 0.
func params(n int64) string {
	v := float64(n)
	switch {
	case n == 0:
		return absent
	case v >= 1e9:
		return fixed(v/1e9, 2) + " B"
	case v >= 1e5:
		return fixed(v/1e6, 1) + " M"
	}
	return fixed(v, 0)
}

// seconds writes a duration with a unit.
func seconds(n Num) string {
	v, ok := n.Get()
	switch {
	case !ok:
		return absent
	case math.Abs(v) >= 1:
		return fixed(v, 2) + " s"
	case math.Abs(v) >= 0.1:
		return fixed(v*1e3, 0) + " ms"
	case math.Abs(v) >= 1e-3:
		return fixed(v*1e3, 1) + " ms"
	}
	return fixed(v*1e6, 0) + " µs"
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
		return Size(int64(min(max(v, 0), math.MaxInt64/2)))
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
	return fixed(v, 3)
}

// times writes a factor: 4.1 ×.
func times(v float64) string { return fixed(v, max(1, decimals(v)-1)) + " ×" }

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

// plainText makes a string from outside fit to show on one line: control
// characters and those that turn the direction of the text become visible, so
// that a reply can neither steer a terminal nor reorder what stands around it.
func plainText(s string) string {
	return strings.Map(plainRune, s) // invalid UTF-8 comes as U+FFFD
}

// plainRune is plainText for one character.
func plainRune(r rune) rune {
	switch {
	case r == '\n' || r == '\t' || r == '\r':
		return ' '
	case r < 0x20:
		return 0x2400 + r // the control pictures
	case r == 0x7f:
		return 0x2421
	case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '\u2028', r == '\u2029':
		return '\uFFFD'
	}
	return r
}
