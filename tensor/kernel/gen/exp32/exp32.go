// Package exp32 has the constants of kernel's exp32 for the programs that write it
// in vectors; see there.
package exp32

const (
	Log2e = 1.44269504088896341
	Ln2Hi = 0.693359375
	Ln2Lo = -2.12194440e-4
	P0    = 1.9875691500e-4
	Max   = 89
	Min   = -104
)

// Coefficients are those of the polynomial after P0.
var Coefficients = []float64{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1}
