package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"limbeck/model/generate"
	"limbeck/recipe"
	"limbeck/serve"
	"limbeck/store/builtin"
)

func init() { register(serveCommand) }

// serveFlags are the flags of serve.
type serveFlags struct {
	engineFlags
	host               string
	port               int
	context, maxTokens int
	parallel           int
	cacheSize          recipe.Size // for what has been read of requests
}

func serveCommand(a *app) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use: "serve MODEL", GroupID: groupUse, Args: exactly("MODEL"),
		Short: "Answer clients of OpenAI's chat API with a model",
		Long: "Answers OpenAI's chat API, on this machine alone: /v1/chat/completions (streams\n" +
			"too), /v1/models, /v1/models/NAME and /healthz. Up to --parallel requests are\n" +
			"answered at once, in one batch. Up to 64 more wait in line; any beyond those get\n" +
			"status 429. A reply is the same as if its request had run alone. Tools, other\n" +
			"formats than text, several choices, presence and frequency penalties, and\n" +
			"biases of tokens are refused.\n\n" +
			"What a prompt has in common with an earlier one is not read again while --cache\n" +
			"holds it. Replies are the likeliest ones unless a request sets a temperature.\n" +
			"Ctrl-C lets replies on their way finish, and refuses other requests.\n\n" +
			"Control tokens that a message spells out, as <|im_end|>, are control tokens, and\n" +
			"end its turn: take them out of texts that strangers write.\n\n" +
			"--json prints {\"url\", \"model\", \"context\"} once it listens.",
		Example: "  limbeck serve model.gguf --port 8080\n" +
			"  curl localhost:8080/v1/chat/completions \\\n" +
			"    -d '{\"messages\": [{\"role\": \"user\", \"content\": \"hello\"}]}'",
		RunE: func(cmd *cobra.Command, args []string) error { return a.serve(cmd.Context(), &f, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.host, "host", "127.0.0.1", "loopback `ADDRESS` to listen on")
	flags.IntVar(&f.port, "port", 8080, "port to listen on; 0: any that is free")
	flags.IntVar(&f.context, "ctx", 0, "most tokens of prompt and reply together (default: the model's context)")
	flags.IntVar(&f.maxTokens, "max-tokens", 1024, "most tokens of a reply whose request sets no limit; 0: as many as fit")
	flags.IntVar(&f.parallel, "parallel", 16, "most requests that are answered at once")
	f.cacheSize = generate.DefaultMemory
	flags.Func("cache", "most memory for what has been read, of requests on their way and before, as 512MB\n"+
		"(default 1GB); what it holds bounds --ctx too", func(text string) error {
		if err := f.cacheSize.Set(text); err != nil {
			return fmt.Errorf("%w; want a size, as 512MB", err)
		}
		return nil
	})
	f.engineFlags.add(flags)
	f.addKeep(flags)
	f.addFree(flags)
	return cmd
}

// noListener says why nothing listens at an address, and what to do.
func noListener(address string, err error) error {
	var system *os.SyscallError
	if errors.As(err, &system) { // its cause alone: what was tried is said here
		err = system.Err
	}
	return fmt.Errorf("cannot listen at %s: %w; --port takes another port, or 0 for any that is free", address, err)
}

// leastContext is how many tokens a server must have room for to be of use.
const leastContext = 16

// maxParallel bounds --parallel: each row takes a token's activations.
const maxParallel = 1024

func (f *serveFlags) check() error {
	switch {
	case !serve.IsLoopback(f.host):
		return usageErrorf("--host %s is not a loopback address; a server that others reach needs keys, which are not there yet", f.host)
	case f.port < 0 || f.port > 65535:
		return usageErrorf("--port is %d, want 0 to 65535", f.port)
	case f.parallel < 1 || f.parallel > maxParallel:
		return usageErrorf("--parallel is %d, want 1 to %d", f.parallel, maxParallel)
	case f.context < 0 || f.maxTokens < 0:
		return usageErrorf("--ctx and --max-tokens are numbers from 0 on")
	case f.context > 0 && f.context < leastContext:
		return usageErrorf("--ctx is %d, want %d or more", f.context, leastContext)
	case f.cacheSize == 0:
		return usageErrorf("--cache is 0, want room for the requests on their way, as 512MB")
	}
	return nil
}

func (a *app) serve(ctx context.Context, f *serveFlags, ref string) error {
	if err := f.check(); err != nil {
		return err
	}
	// Before the model is loaded, so that a port in use is told of at once.
	var listen net.ListenConfig
	address := net.JoinHostPort(strings.Trim(f.host, "[]"), strconv.Itoa(f.port))
	l, err := listen.Listen(ctx, "tcp", address)
	if err != nil {
		return noListener(address, err)
	}
	defer l.Close()
	e, err := f.openSoon(a, ref)
	if err != nil {
		return err
	}
	defer e.close()
	switch m := e.Model; {
	case m.Unread != nil:
		return fmt.Errorf("%s: %w: it cannot answer a chat", ref, m.Unread)
	case m.Template == nil:
		return fmt.Errorf("%s has no chat template: it cannot answer a chat", ref)
	}
	switch most := e.Model.Config().Context; {
	case f.context > most:
		return usageErrorf("--ctx is %d, but the model was made for at most %d tokens", f.context, most)
	case most < leastContext:
		return fmt.Errorf("%s was made for %d tokens: a chat takes at least %d", ref, most, leastContext)
	}
	name := servedName(ref)
	s := serve.New(e.Runner, serve.Options{Name: name, Context: f.context, MaxTokens: f.maxTokens,
		Parallel: f.parallel, Cache: int(f.cacheSize), Log: a.detail, Warn: a.remark})
	if s.Context() < max(f.context, leastContext) {
		return usageErrorf("--cache %s holds %d tokens, want at least %d", f.cacheSize, s.Context(), max(f.context, leastContext))
	}
	if most := e.Model.Config().Context; f.context == 0 && s.Context() < most {
		a.remark("room for %s of %s tokens; --cache %s allows all", count(int64(s.Context())), count(int64(most)), sizeFlag(e.NewKV(most).MaxBytes()))
	}
	a.detail("room for %d tokens of prompt and reply; %d requests at once", s.Context(), f.parallel)
	a.remark("model %s at http://%s/v1; Ctrl-C ends", name, l.Addr())
	if err := a.print(serveResult{fmt.Sprintf("http://%s/v1", l.Addr()), name, s.Context()}, func(io.Writer) {}); err != nil {
		return err
	}
	return s.Serve(ctx, l)
}

// servedName returns the id by which clients know a model: its file's or folder's name,
// which "." does not tell.
func servedName(ref string) string {
	if !strings.HasPrefix(ref, builtin.Prefix) {
		if path, err := filepath.Abs(ref); err == nil {
			ref = path
		}
	}
	name := strings.TrimSuffix(filepath.Base(ref), ".gguf")
	return cmp.Or(strings.Trim(name, string(filepath.Separator)), "model")
}

// serveResult is what --json prints once a server listens: with --port 0 it alone tells
// programs where.
type serveResult struct {
	URL     string `json:"url"`
	Model   string `json:"model"`
	Context int    `json:"context"` // tokens of prompt and reply together
}

// sizeFlag writes bytes as a flag takes them, with three digits or more: no fewer bytes
// than n.
func sizeFlag(n int) recipe.Size {
	unit := 1
	for n >= 100*1000*unit {
		unit *= 1000
	}
	return recipe.Size((n + unit - 1) / unit * unit)
}
