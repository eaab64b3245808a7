package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"limbeck/internal/typeset"
	"limbeck/model/token"
	"limbeck/recipe/steps"
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
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.decode && f.pieces {
				return usageErrorf("--decode and --pieces exclude each other")
			}
			if f.decode && f.plain {
				return usageErrorf("--plain is about text that is read, --decode reads ids: give one of them")
			}
			m, err := steps.Open(args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			if f.decode {
				return a.decodeIDs(cmd.Context(), m.Tokenizer)
			}
			return a.encodeText(cmd.Context(), m.Tokenizer, f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.decode, "decode", false, "read ids, write bytes; --json reads what --json wrote")
	flags.BoolVar(&f.pieces, "pieces", false, "a line for each token: its id, and its text in quotes (with --json, objects, that have the bytes too where these are no UTF-8)")
	flags.BoolVar(&f.plain, "plain", false, "control tokens written out in the text are text like any other")
	return cmd
}

// pieceJSON is a token as --json shows it.
type pieceJSON struct {
	ID    int    `json:"id"`
	Text  string `json:"text"`            // a byte that is no UTF-8 becomes U+FFFD
	Bytes []int  `json:"bytes,omitempty"` // of text that is no UTF-8, as a part of a character
}

func newPieceJSON(tk *token.Tokenizer, id int) pieceJSON {
	text := tk.Piece(id)
	p := pieceJSON{ID: id, Text: string(text)}
	if !utf8.Valid(text) {
		for _, b := range text {
			p.Bytes = append(p.Bytes, int(b))
		}
	}
	return p
}

func (a *app) encodeText(ctx context.Context, tk *token.Tokenizer, f tokenizeFlags) error {
	text, err := io.ReadAll(a.input(ctx))
	if err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	ids := tk.EncodeTo([]int{}, string(text), !f.plain)
	if err := ctx.Err(); err != nil {
		return err
	}
	a.tellLost(tk, string(text), ids)
	if !f.pieces {
		return a.print(ids, func(w io.Writer) { writeIDs(w, ids) })
	}
	pieces := []pieceJSON{}
	for _, id := range ids {
		pieces = append(pieces, newPieceJSON(tk, id))
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
	switch lost := len(text) - len(tk.Decode(ids)); {
	case lost == 1:
		a.remark("1 byte of the text has no token in this vocabulary and is left out")
	case lost > 1:
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

// decodeIDs writes the bytes of ids that stand on standard input: words between
// white space, or with --json a JSON list. Of either, no more than a piece is held.
func (a *app) decodeIDs(ctx context.Context, tk *token.Tokenizer) error {
	out := bufio.NewWriter(a.out)
	each := eachWord
	if a.json {
		each = eachNumber
	}
	n := 0
	err := each(a.input(ctx), func(text string) error {
		n++
		id, err := strconv.Atoi(text)
		switch {
		case err != nil && !a.json && strings.HasPrefix(text, "["):
			return fmt.Errorf("id %d is %q, want a whole number; --json reads a JSON list", n, typeset.Cut(text, 20, "…"))
		case err != nil:
			return fmt.Errorf("id %d is %q, want a whole number", n, typeset.Cut(text, 20, "…"))
		case id < 0 || id >= tk.Vocab():
			return fmt.Errorf("id %d is %d; the vocabulary has 0 to %d", n, id, tk.Vocab()-1)
		}
		_, err = out.Write(tk.Piece(id))
		return err
	})
	if err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	return out.Flush()
}

// eachWord calls f with the words between white space.
func eachWord(r io.Reader, f func(word string) error) error {
	in := bufio.NewScanner(r)
	in.Split(bufio.ScanWords)
	n := 0
	for ; in.Scan(); n++ {
		if err := f(in.Text()); err != nil {
			return err
		}
	}
	switch err := in.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("id %d is longer than %d bytes, want a whole number", n+1, bufio.MaxScanTokenSize)
	case err != nil:
		return fmt.Errorf("word %d: %w", n+1, err)
	}
	return nil
}

// eachNumber calls f with the numbers of a JSON list, and refuses what is anything
// else, or more.
func eachNumber(r io.Reader, f func(number string) error) error {
	in := json.NewDecoder(r)
	in.UseNumber()
	if t, err := in.Token(); t != json.Delim('[') {
		return noList(in, t, err)
	}
	for {
		t, err := in.Token()
		if t == json.Delim(']') {
			break
		}
		number, ok := t.(json.Number)
		if !ok {
			return noList(in, t, err)
		}
		if err := f(number.String()); err != nil {
			return err
		}
	}
	if t, err := in.Token(); err != io.EOF {
		return noList(in, t, err)
	}
	return nil
}

// noList says where a text is no JSON list of numbers, by the token or the error that
// was found there.
func noList(in *json.Decoder, found json.Token, err error) error {
	const want = "want one JSON list of token ids"
	at := in.InputOffset()
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("nothing after byte %d, %s", at, want)
	case errors.As(err, &syntax):
		return fmt.Errorf("byte %d: %w, %s", at, err, want)
	case err != nil:
		return err
	case found == nil:
		found = "null"
	}
	return fmt.Errorf("up to byte %d: %q, %s", at, fmt.Sprint(found), want)
}
