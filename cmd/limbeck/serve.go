package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"limbeck/serve"
)

func init() { register(serveCommand) }

// serveFlags are the flags of serve.
type serveFlags struct {
	engineFlags
	host               string
	port               int
	context, maxTokens int
}

func serveCommand(a *app) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use: "serve MODEL", GroupID: groupUse, Args: exactly("MODEL"),
		Short: "Answer clients of OpenAI's chat API with a model",
		Long: "Answers OpenAI's chat API, on this machine alone: /v1/chat/completions (streams\n" +
			"too), /v1/models and /healthz. One request is answered at a time, the others\n" +
			"wait in line. Replies are the likeliest ones unless a request sets a\n" +
			"temperature. Ctrl-C lets replies on their way finish.",
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
	f.engineFlags.add(flags)
	return cmd
}

func (f *serveFlags) check() error {
	switch {
	case !serve.IsLoopback(f.host):
		return usageErrorf("--host %s is not a loopback address; a server that others reach needs keys, which are not there yet", f.host)
	case f.port < 0 || f.port > 65535:
		return usageErrorf("--port is %d, want 0 to 65535", f.port)
	case f.context < 0 || f.maxTokens < 0:
		return usageErrorf("--ctx and --max-tokens are numbers from 0 on")
	}
	return nil
}

func (a *app) serve(ctx context.Context, f *serveFlags, ref string) error {
	if err := f.check(); err != nil {
		return err
	}
	// Before the model is loaded, so that a port in use is told of at once.
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", net.JoinHostPort(strings.Trim(f.host, "[]"), strconv.Itoa(f.port)))
	if err != nil {
		return err
	}
	defer l.Close()
	e, err := f.open(a, ref)
	if err != nil {
		return err
	}
	defer e.close()
	if e.Model.Template == nil {
		return fmt.Errorf("%s has no chat template: it cannot answer a chat", ref)
	}
	if most := e.Model.Config().Context; f.context > most {
		return usageErrorf("--ctx is %d, but the model was made for at most %d tokens", f.context, most)
	}
	name := strings.TrimSuffix(filepath.Base(ref), ".gguf")
	s := serve.New(e.Runner, serve.Options{Name: name, Context: f.context, MaxTokens: f.maxTokens, Log: a.detail})
	a.remark("model %s at http://%s/v1; Ctrl-C ends", name, l.Addr())
	return s.Serve(ctx, l)
}
