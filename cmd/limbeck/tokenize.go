package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"limbeck/model/token"
)

func init() { register(tokenizeCommand) }

// tokenizeFlags are the flags of tokenize.
type tokenizeFlags struct{ decode, pieces, plain bool }

func tokenizeCommand(a *app) *cobra.Command {
	var f tokenizeFlags
	cmd := &cobra.Command{
		Use: "tokenize MODEL", GroupID: groupUse, Args: exactly("MODEL"),
		Short: "Turn text on standard input into token ids, or back",
		Long: "Turns the text on standard input into token ids, or with --decode ids into\n" +
			"exactly the bytes that they stand for. Bytes that the vocabulary cannot spell\n" +
			"are left out, with a remark.",
		Example: "  echo hello | limbeck tokenize model.gguf --pieces\n" +
			"  limbeck tokenize model.gguf <text.txt >ids.txt\n" +
			"  limbeck tokenize model.gguf --decode <ids.txt",
		RunE: func(_ *cobra.Command, args []string) error {
			if f.decode && f.pieces {
				return usageErrorf("--decode and --pieces exclude each other")
			}
			m, err := a.openModel(args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			if f.decode {
				return a.decodeIDs(m.Tokenizer)
			}
			return a.encodeText(m.Tokenizer, f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.decode, "decode", false, "read ids, write bytes; --json reads what --json wrote")
	flags.BoolVar(&f.pieces, "pieces", false, "a line for each token: its id, and its text in quotes (with --json, objects)")
	flags.BoolVar(&f.plain, "plain", false, "control tokens written out in the text are text like any other")
	return cmd
}

// pieceJSON is a token as --pieces --json shows it.
type pieceJSON struct {
	ID   int    `json:"id"`
	Text string `json:"text"` // a byte that is no UTF-8 becomes U+FFFD
}

func (a *app) encodeText(tk *token.Tokenizer, f tokenizeFlags) error {
	text, err := io.ReadAll(a.in)
	if err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	ids := tk.EncodeTo([]int{}, string(text), !f.plain)
	a.tellLost(tk, string(text), ids)
	if !f.pieces {
		return a.print(ids, func(w io.Writer) { writeIDs(w, ids) })
	}
	pieces := []pieceJSON{}
	for _, id := range ids {
		pieces = append(pieces, pieceJSON{id, string(tk.Piece(id))})
	}
	return a.print(pieces, func(w io.Writer) {
		b := bufio.NewWriter(w)
		defer b.Flush()
		for _, p := range pieces {
			fmt.Fprintf(b, "%6d  %q\n", p.ID, p.Text)
		}
	})
}

// tellLost remarks how many bytes of a text its ids lack: a vocabulary need not have
// a token for every byte. Without ids, the text is encoded for it.
func (a *app) tellLost(tk *token.Tokenizer, text string, ids []int) {
	if ids == nil {
		ids = tk.Encode(text, false)
	}
	if lost := len(text) - len(tk.Decode(ids)); lost > 0 {
		a.remark("%d bytes of the text have no token in this vocabulary and are left out", lost)
	}
}

func writeIDs(w io.Writer, ids []int) {
	b := bufio.NewWriter(w)
	defer b.Flush()
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strconv.Itoa(id))
	}
	b.WriteByte('\n')
}

// decodeIDs writes the bytes of ids that stand on standard input, as plain text
// or as a JSON list.
func (a *app) decodeIDs(tk *token.Tokenizer) error {
	in := bufio.NewScanner(a.in)
	in.Split(scanID)
	out := bufio.NewWriter(a.out)
	n := 0
	for in.Scan() {
		n++
		id, err := strconv.Atoi(in.Text())
		if err != nil {
			return fmt.Errorf("standard input: word %d is %q, want a token id", n, clip(in.Text(), 20))
		}
		if id < 0 || id >= tk.Vocab() {
			return fmt.Errorf("standard input: id %d is %d; the vocabulary has 0 to %d", n, id, tk.Vocab()-1)
		}
		out.Write(tk.Piece(id))
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("standard input: word %d: %w", n+1, err)
	}
	return out.Flush()
}

// scanID is a [bufio.SplitFunc] for the words between white space, commas and
// brackets: a JSON list of any length may stand on one line.
func scanID(text []byte, end bool) (advance int, word []byte, err error) {
	const between = " \t\r\n\v\f[],"
	first := len(text) - len(bytes.TrimLeft(text, between))
	if i := bytes.IndexAny(text[first:], between); i >= 0 {
		return first + i, text[first : first+i], nil
	}
	if end && first < len(text) {
		return len(text), text[first:], nil
	}
	return first, nil, nil
}
