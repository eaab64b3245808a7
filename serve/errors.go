package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"limbeck/internal/fields"
	"limbeck/model/generate"
)

// An apiError is a failure in OpenAI's shape.
type apiError struct {
	status  int
	Message string
	Type    string // "invalid_request_error" if empty
	Param   string // the field that is wrong, if one is
	Code    string
}

func (e *apiError) Error() string { return e.Message }

// wrong is the error of a field that has a wrong value.
func wrong(param, format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, Param: param, Message: param + ": " + fmt.Sprintf(format, args...)}
}

// refused is the error of a request in which package fields found a mistake, if it did.
func refused(err error) error {
	var e *fields.Error
	switch {
	case !errors.As(err, &e):
		return err
	case e.Field == "":
		return &apiError{status: http.StatusBadRequest, Message: "the request " + e.Problem}
	}
	return wrong(e.Field, "%s", e.Problem)
}

// unsupported is the error of a field whose meaning this server cannot keep.
func unsupported(param, what string) *apiError {
	return &apiError{status: http.StatusBadRequest, Param: param, Code: "unsupported", Message: param + ": " + what + " not supported"}
}

// tooLong is the code of a prompt that the context has no room for.
const tooLong = "context_length_exceeded"

// engineError is the error that the engine answers a request with.
func engineError(err error) *apiError {
	var long *generate.ContextError
	switch {
	case errors.Is(err, generate.ErrBusy):
		return &apiError{status: http.StatusTooManyRequests, Type: "rate_limit_error", Message: err.Error()}
	case errors.Is(err, generate.ErrClosed):
		return &apiError{status: http.StatusServiceUnavailable, Type: "server_error", Message: "the server is shutting down"}
	case errors.Is(err, generate.ErrNotFinite):
		return &apiError{status: http.StatusInternalServerError, Type: "server_error", Message: err.Error()}
	}
	e := wrong("messages", "%v", err)
	if errors.As(err, &long) {
		e.Code = tooLong
	}
	return e
}

// closedRequest is nginx's status for a client that went away; HTTP has none.
const closedRequest = 499

// errGone is the error of a request whose client went away. One that closed only its own
// side of the connection looks the same, and reads the answer.
var errGone = &apiError{status: closedRequest, Message: "the client closed its side of the connection before the reply was there, want it open until then"}

// body returns what clients see of the error.
func (e *apiError) body() any {
	kind := e.Type
	if kind == "" {
		kind = "invalid_request_error"
	}
	type body struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}
	return struct {
		Error body `json:"error"`
	}{body{e.Message, kind, orNull(e.Param), orNull(e.Code)}}
}

// fail answers with an error. One that is no apiError is the server's fault.
func fail(w http.ResponseWriter, err error) {
	var e *apiError
	switch {
	case errors.Is(err, context.Canceled):
		e = errGone
	case !errors.As(err, &e):
		e = &apiError{status: http.StatusInternalServerError, Type: "server_error", Message: err.Error()}
	}
	reply(w, e.status, e.body())
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// reply answers with v. What the client no longer takes is its own loss.
func reply(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // a logit of −Inf has a logprob that JSON has not
		status, body = http.StatusInternalServerError, []byte(`{"error":{"message":"the reply cannot be written as JSON","type":"server_error","param":null,"code":null}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
