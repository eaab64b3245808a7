//go:build !purego

package kernel

//go:generate sh -c "cd gen && go run ./peak -out ../peak_amd64.s -stubs ../peak_stubs_amd64.go -pkg kernel"

func readMemoryAVX2(p []float32) bool { return len(p) == 0 || maximumAVX2(p) <= 0 }
