// Package layers states, as a test, which package may import which.
package layers
