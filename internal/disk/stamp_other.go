//go:build !linux && !darwin

package disk

import "io/fs"

func changed(fs.FileInfo) string { return "" }
