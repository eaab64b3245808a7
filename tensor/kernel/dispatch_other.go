//go:build !amd64 || purego

package kernel

// missing returns what this build lacks for the tier t.
func missing(tier) []string { return []string{"assembly in this build"} }
