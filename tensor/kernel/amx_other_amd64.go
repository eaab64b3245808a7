//go:build !purego && !linux

package kernel

// permitTiles reports that this system is not asked for the tiles of AMX.
func permitTiles() bool { return false }
