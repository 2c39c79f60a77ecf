package growthgenius

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/redact"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// Sentinels for [errors.Is]. Each is one kind of failure. [errors.AsType] with [*APIError],
// [*DecodeError] or [*OutcomeUnknownError] returns the details.
//
// The API documents no errors: the meaning of each status is that of HTTP.
var (
	// ErrInvalidInput means that an argument of the call is not valid. Nothing was sent. The
	// one exception is a [ChangeOptions].Since that is ahead of the API's clock: only a
	// response shows that.
	ErrInvalidInput = errs.ErrInvalidInput

	ErrBadRequest   = errors.New("bad request")       // 400
	ErrUnauthorized = errors.New("unauthorized")      // 401: the API key is wrong or missing
	ErrForbidden    = errors.New("forbidden")         // 403
	ErrNotFound     = errors.New("not found")         // 404: no such record, or a lookup found nothing
	ErrConflict     = errors.New("conflict")          // 409
	ErrValidation   = errors.New("validation failed") // 422
	ErrRateLimited  = errors.New("rate limited")      // 429, taken to mean "not processed"
	ErrServer       = errors.New("server error")      // any 5xx

	// ErrChangedSince means that an update may have been carried out, and was not sent again:
	// the record does not have all of its fields, and may have been changed since by another
	// program, whose changes a retry would undo. Get the record, and decide which values are
	// right.
	ErrChangedSince = errors.New("changed since")
	// ErrPending means that the API has queued the lookup (202, inferred): try again later.
	ErrPending = errors.New("pending")
	// ErrNotCached means that the cache has no result of a lookup with [OnlyIfCached].
	ErrNotCached = errors.New("not cached")
	// ErrRedirected means that the response points elsewhere. Redirects are not followed,
	// since the API key and the body would go with them.
	ErrRedirected = errors.New("redirected")
	// ErrDecode means that the response was not what the call expects. See [*DecodeError].
	ErrDecode = errors.New("unexpected response")
	// ErrResponseTooLarge means that the response is over the bound of
	// [WithMaxResponseBytes], or would take many times its size in memory.
	ErrResponseTooLarge = errs.ErrResponseTooLarge
	// ErrMultipleMatches means that an upsert matched several contacts, or one whose e-mail
	// address only looks like the given one. See [*MultipleMatchesError].
	ErrMultipleMatches = errors.New("multiple matches")
	// ErrPartialResults means that the API stopped a search short (see
	// [*PartialResultsError]), or that a list says that it is not complete.
	ErrPartialResults = errs.ErrPartialResults
	// ErrOutcomeUnknown means that a create may or may not have happened. See
	// [*OutcomeUnknownError].
	ErrOutcomeUnknown = errors.New("outcome unknown")
)

var statusErrors = map[int]error{
	http.StatusAccepted:            ErrPending,
	http.StatusBadRequest:          ErrBadRequest,
	http.StatusUnauthorized:        ErrUnauthorized,
	http.StatusForbidden:           ErrForbidden,
	http.StatusNotFound:            ErrNotFound,
	http.StatusConflict:            ErrConflict,
	http.StatusUnprocessableEntity: ErrValidation,
	http.StatusTooManyRequests:     ErrRateLimited,
}

// about describes the call that an error is about.
type about struct {
	method   string // "" if route names a method of a service instead
	route    string
	id       string // of the record, safe to show; "" for none
	attempts int    // requests that were sent
	took     time.Duration
}

// String names the call and the record: "GET /contacts/{id} (id 7)".
func (a about) String() string {
	s := a.route
	if a.method != "" {
		s = a.method + " " + a.route
	}
	if a.id != "" {
		s += " (id " + a.id + ")"
	}
	return s
}

// effort says how often the call was tried, and for how long: " (4 attempts in 1.1s)". It
// is "" for a single attempt.
func (a about) effort() string {
	if a.attempts < 2 {
		return ""
	}
	unit := time.Millisecond
	if a.took >= time.Second {
		unit = 100 * time.Millisecond
	}
	return fmt.Sprintf(" (%d attempts in %s)", a.attempts, a.took.Round(unit))
}

// APIError is an error response from the API.
type APIError struct {
	StatusCode int
	Method     string // Such as "GET".
	Route      string // The route's template, such as "/contacts/{id}", or the path given to [Client.Do]; no query.

	Message string              // The API's message, or the first words of a body that is not JSON.
	Code    string              // The API's code for the error; "" if it gives none.
	Fields  map[string][]string // What is wrong with which field; nil if the API does not say.

	RequestID  string        // From the header X-Request-Id, X-Correlation-Id or Request-Id; "" if there is none.
	RetryAfter time.Duration // How long the API asks to wait; 0 if it does not say.
	Body       []byte        // The first 4 KiB of the response's body.

	call    about
	foreign bool // a 404 that does not look like the API's own
}

// RecordNotFound reports whether the API itself says that there is no such record, or that a
// lookup found nothing: the status is 404, and the body is JSON that says so. Gateways and
// proxies also send 404s, which [ErrNotFound] matches, and which say nothing about the record.
func (e *APIError) RecordNotFound() bool { return e.StatusCode == http.StatusNotFound && !e.foreign }

// Error returns the call, the record it is about, the status, the API's own message, and
// how often the call was tried.
func (e *APIError) Error() string {
	var b strings.Builder
	call := e.call
	call.method, call.route = e.Method, e.Route
	status := http.StatusText(e.StatusCode)
	fmt.Fprintf(&b, "growthgenius: %s: %d %s", call, e.StatusCode, cmp.Or(status, "(no standard status)"))
	if e.Code != "" && !strings.EqualFold(e.Code, status) {
		fmt.Fprintf(&b, " (%s)", e.Code)
	}
	if e.Message != "" && !strings.EqualFold(e.Message, status) {
		b.WriteString(": " + e.Message)
	}
	for _, field := range slices.Sorted(maps.Keys(e.Fields)) {
		fmt.Fprintf(&b, "; %s: %s", field, strings.Join(e.Fields[field], ", "))
	}
	switch {
	case e.StatusCode == http.StatusAccepted:
		b.WriteString("; the API has queued the lookup: try again later")
	case e.StatusCode == http.StatusUnauthorized:
		b.WriteString("; check the API key, and that it was issued for this base URL")
	case e.StatusCode == http.StatusForbidden:
		b.WriteString("; check what the acting user may do")
	case e.StatusCode == http.StatusProxyAuthRequired:
		b.WriteString("; " + engine.ProxyCredentials)
	case e.Is(ErrRedirected):
		b.WriteString("; check the base URL, and gateways and proxies in between")
	}
	if e.foreign {
		b.WriteString("; this does not look like the API's own 404: check the base URL, and gateways and proxies in between")
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, "; retry after %s", e.RetryAfter)
	}
	b.WriteString(call.effort())
	return withRequest(b.String(), e.RequestID)
}

// Is reports whether target is the sentinel of the error's status.
func (e *APIError) Is(target error) bool {
	switch {
	case e.StatusCode >= 500:
		return target == ErrServer
	case 300 <= e.StatusCode && e.StatusCode < 400:
		return target == ErrRedirected
	default:
		err, ok := statusErrors[e.StatusCode]
		return ok && target == err
	}
}

// DecodeError reports a successful response with an unusable body: an HTML page, an empty
// body, malformed JSON, or a record other than the one requested. It matches [ErrDecode].
type DecodeError struct {
	StatusCode int
	Method     string
	Route      string
	Reason     string // What is wrong with the response.
	RequestID  string
	Body       []byte // The first 4 KiB of the response's body.
	OtherID    ID     // If the response has another record than the one requested, that record's id.

	call   about
	known  bool // Reason says it all: the body's beginning would add nothing
	strict bool // only strict decoding rejects the response
}

// Error returns the call, the record it is about, what is wrong with the response, how often
// the call was tried, and the beginning of the body, unless that may have an e-mail address.
func (e *DecodeError) Error() string {
	call := e.call
	call.method, call.route = e.Method, e.Route
	s := fmt.Sprintf("growthgenius: %s: unexpected response (status %d): %s%s",
		call, e.StatusCode, redact.Clip(e.Reason, 4*redact.MaxFirstWords), call.effort())
	s = withRequest(s, e.RequestID)
	words := redact.FirstWords(e.Body)
	if words == "" || e.known || strings.Contains(words, "@") { // it may be an e-mail address
		return s
	}
	return s + ": " + strconv.Quote(words)
}

// Is reports whether target is [ErrDecode].
func (e *DecodeError) Is(target error) bool { return target == ErrDecode }

// OutcomeUnknownError means that a create may or may not have happened: there was no usable
// response, and the list of recent updates did not show the record. Do not create it again
// without looking: pass Token to [ContactsService.Resolve] or [MessagesService.Resolve],
// which returns the record, or [ErrNotFound] if the create did not happen. With [Once], call
// Create again with the same key.
//
// It matches [ErrOutcomeUnknown], and the error of the caller's context if that ended the
// call. It matches nothing else, not even the cause: a loop that retries on [ErrServer]
// must not create the record twice.
type OutcomeUnknownError struct {
	// Token is the token of the create, for Resolve. It is empty for a [Client.Do].
	Token CreateToken
	// Last is why the outcome is not known, for people to read: why the create had no usable
	// response or, of a Resolve, why the lists did not settle it.
	Last error

	call   about
	next   string // which method to call
	lists  error  // why the lists did not settle a create; nil if Last says it
	ctxErr error

	repeatable bool
}

// Error returns the call, what to do next, and why the outcome is not known.
func (e *OutcomeUnknownError) Error() string {
	if e.Token.t.Resource == "" {
		return fmt.Sprintf("growthgenius: %s: outcome unknown: the request may have been carried out, "+
			"check that before you send it again: %s", e.call, e.reason())
	}
	return fmt.Sprintf("growthgenius: %s: outcome unknown: the %s may have been created, call %s: %s",
		e.call, e.Token.t.Resource, e.next, e.reason())
}

// reason is the text of Last without the prefixes that the error has itself, and with the
// end of the context.
func (e *OutcomeUnknownError) reason() string {
	last := e.Last
	if last != nil {
		last = errs.WithContext(last, e.ctxErr)
	}
	text := strings.ReplaceAll(fmt.Sprint(last), "growthgenius: ", "")
	text = strings.TrimPrefix(text, e.call.String()+": ")
	if e.lists != nil {
		text += "; looking for it: " + strings.ReplaceAll(e.lists.Error(), "growthgenius: ", "")
	}
	return text
}

// Unwrap returns [ErrOutcomeUnknown], and the error of the caller's context if that ended
// the call.
func (e *OutcomeUnknownError) Unwrap() []error {
	if e.ctxErr == nil {
		return []error{ErrOutcomeUnknown}
	}
	return []error{ErrOutcomeUnknown, e.ctxErr}
}

// PartialResultsError means that a search did not return all contacts: the API says so, or
// counts more than its limit, or more than it returned. The contacts that it did return
// were delivered before. It matches [ErrPartialResults]. [ContactsService.Stream] and
// [ContactsService.Changes], filtered by the caller, have no limit.
type PartialResultsError struct {
	Limit     int // The most that the API returns of one search; 0 if it does not say.
	Total     int // How many contacts it counts; 0 if it does not say.
	Delivered int // How many contacts were delivered.
}

// Error returns how many contacts were delivered, of how many, and what has no limit.
func (e *PartialResultsError) Error() string {
	s := fmt.Sprintf("partial results: %d", e.Delivered)
	if e.Total > 0 {
		s += fmt.Sprintf(" of %d", e.Total)
	}
	s += " contacts"
	if e.Limit > 0 {
		s += fmt.Sprintf(", and a search returns %d at most", e.Limit)
	}
	return s + "; Contacts.Stream and Contacts.Changes have no limit: filter what they return"
}

// Is reports whether target is [ErrPartialResults].
func (e *PartialResultsError) Is(target error) bool { return target == ErrPartialResults }

// callError is the error of a call that got no response, or was not sent.
type callError struct {
	call about
	err  error
}

func (e *callError) Error() string {
	return fmt.Sprintf("growthgenius: %s: %v%s", e.call, e.err, e.call.effort())
}

func (e *callError) Unwrap() error { return e.err }

// loggable returns what a log record may show of an error: nothing from the body of a
// response, which may hold personal data.
func loggable(err error) string {
	if api, ok := errors.AsType[*APIError](err); ok {
		return withRequest(fmt.Sprintf("%d %s", api.StatusCode, http.StatusText(api.StatusCode)), api.RequestID)
	}
	if decode, ok := errors.AsType[*DecodeError](err); ok {
		return withRequest(fmt.Sprintf("unexpected response (status %d)", decode.StatusCode), decode.RequestID)
	}
	if call, ok := errors.AsType[*callError](err); ok {
		return call.err.Error()
	}
	return err.Error()
}

// withRequest adds the id of a request to a text.
func withRequest(text, id string) string {
	if id == "" {
		return text
	}
	return text + " [request " + id + "]"
}

// newAPIError reads an error response. The API does not document its error bodies, so every
// usual shape is tried.
func newAPIError(call about, res *engine.Response, now time.Time, r redact.Redactor) *APIError {
	e := &APIError{
		StatusCode: res.Status,
		Method:     call.method,
		Route:      call.route,
		RequestID:  r.Text(res.RequestID()),
		call:       call,
	}
	e.RetryAfter, _ = res.RetryAfter(now)
	if e.Is(ErrRedirected) {
		e.Message = "redirects are not followed, the API key would go with them"
		if to, err := url.Parse(res.Header.Get("Location")); err == nil && to.Host != "" {
			e.Message += " (to " + redact.Printable(r.Text(to.Scheme+"://"+to.Host)) + ")"
		}
	}
	body := r.Bytes(res.Body)
	e.Body = bytes.Clone(body[:min(len(body), redact.MaxBody)])
	e.foreign = e.StatusCode == http.StatusNotFound && !isOwnNotFound(res)
	problem := wire.Problem{Message: e.Message}
	known := wire.ReadProblem(res.Body, &problem)
	e.Message, e.Code, e.Fields = problem.Message, problem.Code, problem.Fields
	if res.Unreadable != nil {
		e.Message = cmp.Or(e.Message, redact.Printable(res.Unreadable.Error()))
	} else if !known && e.Message == "" {
		e.Message = redact.FirstWords(redact.PlainText(body))
	}
	// A key that was escaped in the JSON is visible only now.
	e.Message, e.Code = redact.Clip(r.Text(e.Message), redact.MaxBody), redact.Clip(r.Text(e.Code), redact.MaxBody)
	if len(e.Fields) > 0 {
		fields := make(map[string][]string, len(e.Fields))
		for name, problems := range e.Fields {
			for i := range problems {
				problems[i] = r.Text(problems[i])
			}
			fields[r.Text(name)] = problems
		}
		e.Fields = fields
	}
	return e
}

var errPage = errors.New("the body is HTML or XML, not JSON (from a proxy or a login page?)")

// newDecodeError is the error of a response that cannot be used.
func newDecodeError(call about, res *engine.Response, reason error, r redact.Redactor) *DecodeError {
	switch {
	case res.Unreadable != nil: // reason says it all
	case len(res.Body) == 0:
		reason = errors.New("the body is empty")
	case res.IsPage():
		reason = errPage
	case wire.KindOf(res.Body) == wire.KindInvalid:
		reason = errors.New("the body is not JSON")
	}
	text := redact.Printable(r.Text(reason.Error()))
	if res.GaveUp != "" {
		text += "; " + res.GaveUp
	}
	body := r.Bytes(res.Body)
	call.id, call.attempts, call.took = r.Text(call.id), res.Sent, res.Took
	return &DecodeError{
		StatusCode: res.Status, Method: call.method, Route: call.route, Reason: text,
		call: call, RequestID: r.Text(res.RequestID()), Body: bytes.Clone(body[:min(len(body), redact.MaxBody)]),
	}
}

// isOwnNotFound reports whether a 404 looks like the API's own, and not like that of a
// gateway or a proxy.
func isOwnNotFound(res *engine.Response) bool {
	if media := res.Header.Get("Content-Type"); media != "" && !strings.Contains(strings.ToLower(media), "json") {
		return false
	}
	return wire.IsOwnNotFound(res.Body)
}
