//go:build unix

package disk

// inUse: here what is open is renamed and replaced as anything else.
func inUse(error) bool { return false }
