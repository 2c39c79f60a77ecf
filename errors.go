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

// Sentinels for [errors.Is]. Each says what kind of failure an error is; [errors.AsType] with
// [*APIError], [*DecodeError] or [*OutcomeUnknownError] tells the details.
//
// The API documents no errors: the meaning of each status is that of HTTP.
var (
	// ErrInvalidInput is a mistake in the arguments of a call, found before anything was sent;
	// only a [ChangeOptions].Since that is ahead of the API's clock is found by an answer.
	ErrInvalidInput = errs.ErrInvalidInput

	ErrBadRequest   = errors.New("bad request")       // 400
	ErrUnauthorized = errors.New("unauthorized")      // 401: the API key is wrong or missing
	ErrForbidden    = errors.New("forbidden")         // 403
	ErrNotFound     = errors.New("not found")         // 404: no such record, or nobody found
	ErrConflict     = errors.New("conflict")          // 409
	ErrValidation   = errors.New("validation failed") // 422
	ErrRateLimited  = errors.New("rate limited")      // 429, taken to mean "not processed"
	ErrServer       = errors.New("server error")      // any 5xx

	// ErrPending is a lookup the API has queued (202, inferred): ask again later.
	ErrPending = errors.New("pending")
	// ErrRedirected is an answer that points elsewhere. Redirects are never followed: the
	// API key and the body would go with them.
	ErrRedirected = errors.New("redirected")
	// ErrDecode is an answer that is not what the call should get. See [*DecodeError].
	ErrDecode = errors.New("unexpected answer")
	// ErrResponseTooLarge is an answer over the bound of [WithMaxResponseBytes], or one that
	// would take many times its size in memory.
	ErrResponseTooLarge = errs.ErrResponseTooLarge
	// ErrMultipleMatches is an upsert that several contacts match. See [*MultipleMatchesError].
	ErrMultipleMatches = errors.New("multiple matches")
	// ErrPartialResults is a search that the API stopped short, see [*PartialResultsError], or
	// a list that says itself that it is not the whole.
	ErrPartialResults = errs.ErrPartialResults
	// ErrOutcomeUnknown is a create that may or may not have happened. See [*OutcomeUnknownError].
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

// APIError is an answer of the API that is not a success.
type APIError struct {
	StatusCode int
	Method     string // Such as "GET".
	Route      string // The route's template, such as "/contacts/{id}", or the path given to [Client.Do]; no query.

	Message string              // What the API says, or the first words of a page that is no JSON.
	Code    string              // The API's code for the error, where it gives one.
	Fields  map[string][]string // What is wrong with which field; nil where it does not say.

	RequestID  string        // Of the header X-Request-Id, X-Correlation-Id or Request-Id; "" where there is none.
	RetryAfter time.Duration // How long the API asks to wait; 0 where it does not say.
	Body       []byte        // The answer's first 4 KiB.
}

// Error says the method, the route, the status and the API's own words.
func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "growthgenius: %s %s: %d %s", e.Method, e.Route, e.StatusCode, cmp.Or(http.StatusText(e.StatusCode), "(no standard status)"))
	if e.Code != "" {
		fmt.Fprintf(&b, " (%s)", e.Code)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	for _, field := range slices.Sorted(maps.Keys(e.Fields)) {
		fmt.Fprintf(&b, "; %s: %s", field, strings.Join(e.Fields[field], ", "))
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, "; retry after %s", e.RetryAfter)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " [request %s]", e.RequestID)
	}
	return b.String()
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

// DecodeError is a success of HTTP whose body is not what the call should get: a page of
// HTML, an empty body, broken JSON, another record than the one asked for. It matches
// [ErrDecode].
type DecodeError struct {
	StatusCode int
	Method     string
	Route      string
	Reason     string // What is wrong with the answer.
	RequestID  string
	Body       []byte // The answer's first 4 KiB.

	strict bool // it is only strict decoding that refused the answer
}

// Error says what came instead of an answer, with its first bytes.
func (e *DecodeError) Error() string {
	s := fmt.Sprintf("growthgenius: %s %s: unexpected answer (status %d): %s", e.Method, e.Route, e.StatusCode, redact.Clip(e.Reason, 4*redact.MaxFirstWords))
	if e.RequestID != "" {
		s += " [request " + e.RequestID + "]"
	}
	if len(e.Body) == 0 {
		return s
	}
	return s + ": " + strconv.Quote(redact.FirstWords(e.Body))
}

// Is reports whether target is [ErrDecode].
func (e *DecodeError) Is(target error) bool { return target == ErrDecode }

// OutcomeUnknownError is a create that may or may not have happened: no answer came, or
// one that does not tell, and the list of records did not show it while it was looked for.
// Creating again might create twice: [ContactsService.Resolve] or [MessagesService.Resolve]
// tells, with the CreateToken, what became of it.
//
// It matches [ErrOutcomeUnknown], and the error of the caller's context where that ended
// the call, and nothing else: a 503 in Last must not look like [ErrServer] to a loop that
// tries again on those.
type OutcomeUnknownError struct {
	// Token is the token of the create, for Resolve; empty for a raw [Client.Do].
	Token CreateToken
	// Last is what came of the last attempt, for people to read.
	Last error

	ctxErr error
}

// Error says that the outcome is unknown, and why.
func (e *OutcomeUnknownError) Error() string {
	return fmt.Sprintf("growthgenius: outcome unknown, the record may have been created: %v", e.Last)
}

// Unwrap returns [ErrOutcomeUnknown] and, where the caller's context ended the call, its error.
func (e *OutcomeUnknownError) Unwrap() []error {
	if e.ctxErr == nil {
		return []error{ErrOutcomeUnknown}
	}
	return []error{ErrOutcomeUnknown, e.ctxErr}
}

// PartialResultsError ends a search of which not all contacts came: the API says so, it
// counts more than its limit, or fewer came than it counts. Those that came were handed
// over before it. It matches [ErrPartialResults]. [ContactsService.Stream] and
// [ContactsService.Changes], filtered by the caller, have no limit.
type PartialResultsError struct {
	Limit     int // The most the API gives of one search; 0 where it does not say.
	Total     int // How many contacts it counts; 0 where it does not say.
	Delivered int // How many contacts were handed over.
}

// Error says how many contacts came, of how many, and what has no limit.
func (e *PartialResultsError) Error() string {
	s := fmt.Sprintf("partial results: %d contacts came", e.Delivered)
	if e.Total > 0 {
		s += fmt.Sprintf(" of %d", e.Total)
	}
	if e.Limit > 0 {
		s += fmt.Sprintf(", and a search gives %d at most", e.Limit)
	}
	return s + "; Contacts.Stream and Contacts.Changes have no limit: filter what they give"
}

// Is reports whether target is [ErrPartialResults].
func (e *PartialResultsError) Is(target error) bool { return target == ErrPartialResults }

// callError is a call that got no answer.
type callError struct {
	method, route string
	err           error
}

func (e *callError) Error() string {
	return fmt.Sprintf("growthgenius: %s %s: %v", e.method, e.route, e.err)
}

func (e *callError) Unwrap() error { return e.err }

// newAPIError reads whatever the API says about an error: its error bodies are not
// documented, so every usual shape is tried.
func newAPIError(method, route string, res *engine.Response, now time.Time, r redact.Redactor) *APIError {
	e := &APIError{
		StatusCode: res.Status,
		Method:     method,
		Route:      route,
		RequestID:  r.Text(res.RequestID()),
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
	problem := wire.Problem{Message: e.Message}
	known := wire.ReadProblem(res.Body, &problem)
	e.Message, e.Code, e.Fields = problem.Message, problem.Code, problem.Fields
	if !known && e.Message == "" {
		e.Message = redact.FirstWords(redact.PlainText(body))
	}
	// A key that was escaped in the JSON shows only now.
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
