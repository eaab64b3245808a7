package typeset

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Number writes a count with commas: "1,115,394".
func Number(n int) string {
	s := strconv.Itoa(n)
	if n < 0 {
		return "-" + grouped(s[1:])
	}
	return grouped(s)
}

// Counted writes a number of things: "1 label", "2,000 labels".
func Counted(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return Number(n) + " " + thing
}

// Fixed writes a number with so many decimals, thousands grouped by commas, the minus
// sign as U+2212. Zero has no sign.
func Fixed(v float64, decimals int) string {
	s := strconv.FormatFloat(math.Abs(v), 'f', decimals, 64)
	sign := ""
	if v < 0 && strings.Trim(s, "0.") != "" {
		sign = "−"
	}
	whole, frac, _ := strings.Cut(s, ".")
	if frac != "" {
		frac = "." + frac
	}
	return sign + grouped(whole) + frac
}

// grouped puts a comma before every three digits but the first.
func grouped(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Units of bytes are decimal, as disks and downloads are sold. Which of them is written,
// and with how many decimals, is decided by what the smaller one would be rounded to.
const (
	kB = 1e3
	mB = 1e6
	gB = 1e9
)

// Bytes writes a number of bytes in a line of text, in the largest unit of which there
// is one, with a decimal below 100: "1.5 kB", "12.3 MB", "145 MB", "3.2 GB".
func Bytes(n int64) string {
	v, unit := float64(n), "B"
	for _, u := range []string{"kB", "MB", "GB", "TB"} {
		if math.Round(v) < 1000 {
			break
		}
		v, unit = v/1000, u
	}
	if math.Round(v*10) >= 1000 || unit == "B" {
		return fmt.Sprintf("%.0f %s", v, unit)
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}

// Size writes a number of bytes that is compared with others, models' sizes in a report
// above all: it keeps to MB down to a tenth of one, and to three digits at least of what
// has more than 1 GB: "0.3 MB", "12.3 MB", "145 MB", "3.20 GB".
func Size(n int64) string {
	v := float64(n)
	switch {
	case math.Round(v/mB) >= 1000:
		return Fixed(v/gB, 2) + " GB"
	case math.Round(v/mB*10) >= 1000:
		return Fixed(v/mB, 0) + " MB"
	case math.Round(v/kB*10) >= 1000:
		return Fixed(v/mB, 1) + " MB"
	case v >= kB:
		return Fixed(v/kB, 1) + " kB"
	}
	return Fixed(v, 0) + " B"
}
