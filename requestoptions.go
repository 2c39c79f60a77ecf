package growthgenius

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
	"time"
	"unicode/utf8"
)

// RequestOption configures one call.
type RequestOption func(*callOptions)

type callOptions struct {
	began   time.Time
	asUser  *ID
	capture *ResponseInfo
	noRetry bool
	refresh bool
	cached  bool // only what the cache has
	header  http.Header

	beforeCreate func(CreateToken) error
	once         *string
	onceNote     any                     // func(*T) json.RawMessage for the T of the create
	storeToken   func(CreateToken) error // is called before beforeCreate
	leaving      func() error            // is called before each request of a create or an update
	matchOldest  bool
	matchCompany bool

	err error // of the first option that is not valid
}

func applyOptions(opts []RequestOption) callOptions {
	if len(opts) == 0 {
		return callOptions{began: time.Now()} // nothing that the options could keep
	}
	o := callOptions{began: time.Now()}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	return o
}

// AsUser makes one call act on behalf of another user.
func AsUser(id ID) RequestOption {
	return func(o *callOptions) { o.asUser = &id }
}

// CaptureResponse stores the status, headers, request id and timing of the response in info
// before the call returns. info is unchanged if no response was received.
//
// A call that makes several requests, such as [ContactsService.Upsert], stores the last
// response. The lists that are read to find a create without a usable response do not
// count, nor does what [ContactsService.Resolve] reads.
func CaptureResponse(info *ResponseInfo) RequestOption {
	return func(o *callOptions) { o.capture = info }
}

// ResponseInfo describes a response. See [CaptureResponse].
type ResponseInfo struct {
	StatusCode int
	Header     http.Header
	RequestID  string        // From the header X-Request-Id, X-Correlation-Id or Request-Id; "" if there is none.
	Attempts   int           // How many requests the call has sent, the last one included.
	Duration   time.Duration // From the start of the call to this response, including waits.
	FromCache  bool          // The result is from the cache of [WithEnrichmentCache]: StatusCode is 200 or 404, and the rest is zero.
}

// NoRetry makes a call send one request only. A create without a usable response is still
// looked for in the list of recent updates, and the record of an update with status 204 is
// still read.
func NoRetry() RequestOption {
	return func(o *callOptions) { o.noRetry = true }
}

// Refresh makes a lookup ask the API even if the cache of [WithEnrichmentCache] has a
// result, and stores the new result there. A request within 30 days of the last is free
// (documented). Without a cache, and for other calls, it changes nothing.
func Refresh() RequestOption {
	return func(o *callOptions) { o.refresh = true }
}

// OnlyIfCached makes a lookup return what the cache of [WithEnrichmentCache] has, or an
// [ErrNotCached]. No request is sent. If the cache fails, its error is returned. Other calls
// are not affected.
func OnlyIfCached() RequestOption {
	return func(o *callOptions) { o.cached = true }
}

// BeforeCreate calls fn right before a create is sent, after the waits for the limiter, with
// a token to store in a journal that outlives the process. With [Once], the ledger has the
// token by then. If fn returns an error, nothing is sent and the call returns it. fn is called
// once per call, by Create and Upsert only: a POST of [Client.Do] has no token.
//
// If fn takes much longer than usual, the create waits for the limiter again. If its context
// ends that wait, nothing is sent although fn was called.
func BeforeCreate(fn func(CreateToken) error) RequestOption {
	return func(o *callOptions) { o.beforeCreate = fn }
}

// Once makes a create happen at most once under a key, in all processes that share the ledger
// of [WithLedger], and however often they crash. The key is the caller's name for the record,
// such as "import 7, row 12": the first create with it creates the record, and each later one
// returns that record as it is now. Keys of contacts and of messages are apart.
//
// While another call with the key is under way, Create waits for it. If an earlier one did not
// learn its outcome, because its process ended or its response was lost, Create resolves it
// first, as [ContactsService.Resolve] does, and creates the record only if the earlier call
// has not. After any error, call Create again with the same key:
//
//   - [ErrOutcomeUnknown]: the record may exist, and a later call finds out.
//   - [ErrKeyReused]: the key was first used for a record with other content, or of another
//     user. The input must be the same for the same key.
//   - [ErrKeyDeleted]: the record of the key has been deleted since. It is never created
//     again under this key.
//   - [ErrLeaseLost]: the process was too slow, and nothing more was sent.
//
// Any other error means that this call created nothing.
//
// In the ledger, the key is "contact/" or "message/" and the key that is given here.
func Once(key string) RequestOption {
	return func(o *callOptions) { o.once = &key }
}

// OnceNote has [Once] store a note of the caller's with the id of the record: the Note of
// the [Entry], in the same write. note is called with the record when its create is known to
// have happened, and not when a later call with the key returns it. T is [Contact] or
// [Message], as what is created.
func OnceNote[T any](note func(*T) json.RawMessage) RequestOption {
	return func(o *callOptions) { o.onceNote = note }
}

// handOver passes the token of a create to all that are to have it before it is sent.
func (o *callOptions) handOver(token CreateToken) error {
	if o.storeToken != nil {
		if err := o.storeToken(token); err != nil {
			return err
		}
	}
	if o.beforeCreate != nil {
		if err := o.beforeCreate(token); err != nil {
			return fmt.Errorf("BeforeCreate refused: %w", err)
		}
	}
	return nil
}

// MatchOldest makes [ContactsService.Upsert] update the contact that was created first if
// several match.
func MatchOldest() RequestOption {
	return func(o *callOptions) { o.matchOldest = true }
}

// MatchNameAndCompany makes [ContactsService.Upsert] match by name and company if no
// contact has the e-mail address, or the input has none. It may overwrite another person of
// the same name.
func MatchNameAndCompany() RequestOption {
	return func(o *callOptions) { o.matchCompany = true }
}

// WithHeader adds a header to a call. It rejects headers that carry the API key, that frame
// the message, that make net/http send a create twice (Idempotency-Key), or that the SDK
// sets (Accept). The lists that are read to find a create are requested with the same
// headers.
func WithHeader(key, value string) RequestOption {
	key = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(key)) // here: several goroutines may share the option
	return func(o *callOptions) {
		if err := checkHeader(key, value); err != nil {
			if o.err == nil {
				o.err = err
			}
			return
		}
		if o.header == nil {
			o.header = http.Header{}
		}
		o.header.Add(key, value)
	}
}

// callHeaders only name a call, for logs and traces. The response does not depend on them,
// so calls that differ in them alone share lists and the results of lookups. Any other
// header may name an account.
var callHeaders = []string{
	"X-Request-Id", "X-Correlation-Id", "Request-Id", "Traceparent", "Tracestate", "Baggage", "B3",
	"X-B3-Traceid", "X-B3-Spanid", "X-B3-Parentspanid", "X-B3-Sampled", "X-B3-Flags",
	"X-Amzn-Trace-Id", "X-Cloud-Trace-Context", "Uber-Trace-Id", "Sentry-Trace",
}

// ownHeaders are set by the SDK or by net/http only. The values say why.
var ownHeaders = map[string]string{
	"Authorization":     "it carries the API key given to NewClient",
	"Host":              "it would send the API key elsewhere: use WithBaseURL",
	"Idempotency-Key":   "net/http would send creates twice for it, and the API does not know it",
	"X-Idempotency-Key": "net/http would send creates twice for it, and the API does not know it",
	"Accept":            "the SDK reads JSON only",
	"Accept-Encoding":   "net/http decompresses only what it asked for itself",
	"Content-Type":      "the SDK sends JSON only",
	"Content-Encoding":  "the SDK does not compress",
	"Content-Length":    "it follows from the body",
	"Transfer-Encoding": "it follows from the body",
	"Connection":        "it belongs to the transport",
	"Proxy-Connection":  "it belongs to the transport",
	"Keep-Alive":        "it belongs to the transport",
	"Te":                "it belongs to the transport",
	"Trailer":           "it belongs to the transport",
	"Upgrade":           "it belongs to the transport",
	"Expect":            "it belongs to the transport",
}

func checkHeader(key, value string) error {
	if why, ours := ownHeaders[key]; ours {
		return fmt.Errorf("WithHeader may not set %s: %s", key, why)
	}
	if key == "" {
		return errors.New("WithHeader: the header's name is empty")
	}
	for _, r := range key {
		if r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) {
			return fmt.Errorf("WithHeader: %q is not a valid header name", key)
		}
	}
	if err := checkHeaderValue(value); err != nil {
		return fmt.Errorf("WithHeader: %s: %w", key, err)
	}
	return nil
}

func checkHeaderValue(value string) error {
	for i := range len(value) {
		if c := value[i]; (c < ' ' && c != '\t') || c == 0x7f {
			return errors.New("the value has a control character")
		}
	}
	if !utf8.ValidString(value) { // it could not be kept for the lists in which a create is looked for
		return errors.New("the value is not valid UTF-8")
	}
	return nil
}
