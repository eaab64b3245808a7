package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// An origin is where a peer comes from: a commit of a public repository, and
// what is built of it.
type origin struct {
	name, url, commit string
	targets, options  []string
}

// Both are built for the processor at hand, without what asks for a network.
var (
	llamaOrigin = origin{"llama.cpp", "https://github.com/ggml-org/llama.cpp", "3f545beccee69d9975f466ec7e45fd9aacd8ba90",
		[]string{"llama-bench", "llama-batched-bench", "llama-quantize"},
		[]string{"-DLLAMA_OPENSSL=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF"}}
	ikOrigin = origin{"ik_llama.cpp", "https://github.com/ikawrakow/ik_llama.cpp", "8337e4cd3861406fc04e0854b1409cd1b027fbc9",
		[]string{"llama-bench", "llama-batched-bench", "llama-quantize"},
		[]string{"-DGGML_IQK_FLASH_ATTENTION=ON"}}
)

var buildOptions = []string{"-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON", "-DBUILD_SHARED_LIBS=OFF",
	"-DLLAMA_CURL=OFF", "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_SERVER=OFF"}

// find returns the folder of the peer's programs in or below dir; if there are
// none, it builds them there.
func (o *origin) find(ctx context.Context, dir string) (bin string, err error) {
	if bin = o.programs(dir); bin != "" {
		return bin, nil
	}
	if _, err := os.Stat(dir); err == nil {
		return "", fmt.Errorf("%s is there, but not all of %v in it, in build/bin or in bin: build them, or name another folder", dir, o.targets)
	}
	if err := o.build(ctx, dir); err != nil {
		return "", fmt.Errorf("%s is not in %s, and cannot be built there: %w", o.name, dir, err)
	}
	if bin = o.programs(dir); bin == "" {
		return "", fmt.Errorf("%s was built in %s, but %v are not in build/bin", o.name, dir, o.targets)
	}
	return bin, nil
}

// programs returns the folder that holds all of the peer's programs; empty if
// there is none.
func (o *origin) programs(dir string) string {
	for _, bin := range []string{filepath.Join(dir, "build", "bin"), filepath.Join(dir, "bin"), dir} {
		found := 0
		for _, t := range o.targets {
			if _, err := exec.LookPath(filepath.Join(bin, t)); err == nil {
				found++
			}
		}
		if found == len(o.targets) {
			return bin
		}
	}
	return ""
}

// build fetches the commit and builds its programs, in a folder that gets its
// name when all is done.
func (o *origin) build(ctx context.Context, dir string) error {
	for _, tool := range []string{"git", "cmake", "c++"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is needed for that, and not there", tool)
		}
	}
	part := dir + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if err := os.MkdirAll(part, 0o777); err != nil {
		return err
	}
	targets := append([]string{"cmake", "--build", "build", "--parallel", strconv.Itoa(cores()), "--target"}, o.targets...)
	for _, args := range [][]string{
		{"git", "init", "--quiet"},
		{"git", "fetch", "--quiet", "--depth", "1", o.url, o.commit},
		{"git", "checkout", "--quiet", "FETCH_HEAD"},
		append(append([]string{"cmake", "-B", "build"}, buildOptions...), o.options...),
		targets,
	} {
		fmt.Fprintf(os.Stderr, "%s: %v\n", o.name, args)
		if _, err := (command{args: args, dir: part}).run(ctx); err != nil {
			return err
		}
	}
	return os.Rename(part, dir)
}
