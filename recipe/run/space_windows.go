package run

import "golang.org/x/sys/windows"

// freeDisk returns the bytes that the user may still write to dir's disk.
func freeDisk(dir string) (int64, bool) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, false
	}
	var free uint64
	err = windows.GetDiskFreeSpaceEx(path, &free, nil, nil)
	return int64(free), err == nil
}
